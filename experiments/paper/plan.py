"""The runs that tables need: their order, progress and execution."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from experiments.paper.cached_runs import Run
from experiments.paper.run_options import NoDataError, RunOptions
from experiments.paper.tables import Cell, Table
from experiments.paper.training_cost import flops, hours

from stca.distance import Metric
from stca.errors import ConfigError, StcaError
from stca.tools.progress import format_seconds


@dataclass(frozen=True)
class Job:
    """A run that cells need, and the distances by which it is scored."""

    recipe: str
    run: Run
    split: int | None = None
    """None if the data set has a single split."""
    metrics: tuple[Metric, ...] = ("cosine",)

    def __str__(self) -> str:
        split = "" if self.split is None else f", split {self.split}"
        return f"{self.recipe}, seed {self.run.config.seed}{split}"


@dataclass
class Plan:
    """The runs of some tables; renders the walkers they need.

    Args:
        options: data roots, seeds and size.
        tables: the tables to make.
        only: run only cells with this text in row, column or recipe; earlier results are still shown.

    Raises:
        ConfigError: `only` matches nothing.

    """

    options: RunOptions
    tables: Sequence[Table]
    only: str = ""
    runs: dict[str, list[Run]] = field(default_factory=dict)
    """Runs by recipe, one per seed and split."""
    missing: dict[str, str] = field(default_factory=dict)
    """Recipes that cannot be run, with the reason."""
    failed: dict[str, str] = field(default_factory=dict)
    """Error messages of failed runs by key."""

    def __post_init__(self) -> None:
        self._check_only()
        for recipe in dict.fromkeys(recipe for _, recipe in self._cells()):
            try:
                self.runs[recipe] = self.options.runs(recipe)
            except NoDataError as error:
                self.missing[recipe] = f"no data: {error.hint}"

    def jobs(self, *, everything: bool = False) -> list[Job]:
        """All runs in table order, each once; with `everything`, also those that `only` excludes."""
        metrics: dict[str, list[Metric]] = {}
        named: dict[str, tuple[str, Run, int | None]] = {}
        for cell, recipe in self._cells():
            if not everything and not cell.matches(self.only):
                continue
            runs = self.runs.get(recipe, [])
            splits = len(runs) // len(self.options.seeds)
            for number, run in enumerate(runs):
                named.setdefault(run.key, (recipe, run, number % splits if splits > 1 else None))
                metrics.setdefault(run.key, []).append(cell.row.metric)
        return [Job(*named[key], tuple(dict.fromkeys(metrics[key]))) for key in named]

    def listing(self) -> str:
        """The runs as a table, with progress and training cost."""
        return "\n".join(
            [listing(self.jobs()), *(f"not run: {name}: {why}" for name, why in self.missing.items())]
        )

    def execute(self) -> None:
        """Train, embed and score missing runs; a failure is recorded and does not stop the others."""
        jobs = self.jobs()
        left = {job.run.key: 0.0 if job.run.done else flops(job.run.config) for job in jobs}
        spent = worked = 0.0
        for number, job in enumerate(jobs, start=1):
            words = f", about {format_seconds(spent / worked * sum(left.values()))} left" if worked else ""
            _log(f"run {number} of {len(jobs)}, {job.run.key}: {job}: {job.run.state()}{words}")
            start = time.monotonic()
            self._execute(job)
            if work := left.pop(job.run.key):
                spent, worked = spent + time.monotonic() - start, worked + work

    def _execute(self, job: Job) -> None:
        try:
            for metric in job.metrics:
                job.run.scores(metric)
        except Exception as error:  # a failed run must not prevent the tables
            first, *_ = str(error).splitlines() or [""]
            self.failed[job.run.key] = f"{type(error).__name__}: {first}"
            _log(f"failed: {job}: {error if isinstance(error, StcaError) else repr(error)}")

    def _check_only(self) -> None:
        cells = [cell for cell, _ in self._cells()]
        if not any(cell.matches(self.only) for cell in cells):
            words = (
                dict.fromkeys(cell.row.label for cell in cells),
                dict.fromkeys(cell.column.label for cell in cells),
                dict.fromkeys(cell.recipe for cell in cells),
            )
            rows, columns, recipes = ("; ".join(map(str, each)) for each in words)
            raise ConfigError(
                "--only matches no cell",
                expected=f"part of a row ({rows}), of a column ({columns}) or of a recipe ({recipes})",
                found=self.only,
            )

    def _cells(self) -> Iterator[tuple[Cell, str]]:
        """The cells that have a recipe."""
        for table in self.tables:
            for cell in table.cells():
                if cell.recipe is not None:
                    yield cell, cell.recipe


def listing(jobs: Sequence[Job]) -> str:
    """The jobs as a table, with progress and training cost."""
    lines = [f"{'run':<14}{'state':<28}{'A100 hours':>10}  what"]
    lines += [
        f"{job.run.key:<14}{job.run.state()!s:<28}{hours(job.run.config):>10.3g}  {job}" for job in jobs
    ]
    left = sum(hours(job.run.config) for job in jobs if not job.run.done)
    lines.append(f"{len(jobs)} runs; remaining cost {left:.3g} A100 hours, derived, not measured")
    return "\n".join(lines)


def _log(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
