"""The results of the cells of a table, and their CSV form."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from experiments.paper.cached_runs import Run
from experiments.paper.plan import Plan
from experiments.paper.tables import Cell, Table

from stca.distance import Metric


@dataclass(frozen=True)
class CellResult:
    """The result of a cell under one protocol, and the paper's figure.

    Args:
        table: name of the table.
        row: the row's label.
        column: the column's label.
        protocol: evaluation protocol; "any" if it does not matter; empty if there is no result.
        metric: distance of the ranking.
        recipe: recipe of the runs; empty for published figures only.
        runs: keys of the runs.
        values: percent (or epochs), one per seed; the mean over splits where there are several.
        published: the paper's figure.
        note: why there is no result.

    """

    table: str
    row: str
    column: str
    protocol: str = ""
    metric: str = ""
    recipe: str = ""
    runs: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    published: float | None = None
    note: str = ""

    @property
    def mean(self) -> float | None:
        """Mean over seeds."""
        return float(np.mean(self.values)) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation over seeds; None for one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


def cell_results(plan: Plan, table: Table) -> list[CellResult]:
    """Results of every cell: one per protocol, or one with a note if there is none. Computes nothing."""
    return [outcome for cell in table.cells() for outcome in _of_cell(plan, cell)]


def _of_cell(plan: Plan, cell: Cell) -> list[CellResult]:
    base = CellResult(cell.table, cell.row.label, cell.column.label, published=cell.published)
    if cell.recipe is None:
        return [base]
    runs = plan.runs.get(cell.recipe, [])
    keys = tuple(run.key for run in runs)
    base = replace(base, recipe=cell.recipe, metric=cell.row.metric, runs=keys)
    failures = [plan.failed[key] for key in keys if key in plan.failed]
    if cell.recipe in plan.missing:
        return [replace(base, note=plan.missing[cell.recipe])]
    if failures:
        return [replace(base, note=f"failed: {failures[0]}")]
    if not all(run.known_scores(cell.row.metric) for run in runs):
        return [replace(base, note="not run yet")]
    if cell.column.figure == "epochs":
        return [replace(base, protocol="any", values=(float(runs[0].config.optim.epochs),))]
    figures = _by_protocol(runs, cell.row.metric, cell.column.figure)
    return [replace(base, protocol=protocol, values=values) for protocol, values in figures.items()]


def _by_protocol(runs: Sequence[Run], metric: Metric, figure: str) -> Mapping[str, tuple[float, ...]]:
    """Percent, one per seed: the mean over a seed's splits."""
    found: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        for score in run.known_scores(metric):
            seeds = found.setdefault(score.protocol, {})
            seeds.setdefault(run.config.seed, []).append(100 * score.figures[figure])
    return {
        protocol: tuple(float(np.mean(splits)) for splits in seeds.values())
        for protocol, seeds in found.items()
    }


_FIELDS = ("table", "row", "column", "protocol", "metric", "recipe", "runs", "values")
_NUMBERS = ("mean", "deviation", "published")


def to_csv(found: Sequence[CellResult]) -> str:
    """One line per result; several values or runs are separated by spaces."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_FIELDS, *_NUMBERS, "note"])
    for each in found:
        fields = [_text(getattr(each, name)) for name in (*_FIELDS, *_NUMBERS)]
        writer.writerow([*fields, each.note])
    return buffer.getvalue()


def from_csv(text: str) -> list[CellResult]:
    """Parse the output of `to_csv`; mean and deviation are computed from the values."""
    return [
        CellResult(
            **{
                name: line[name]
                for name in ("table", "row", "column", "protocol", "metric", "recipe", "note")
            },
            runs=tuple(line["runs"].split()),
            values=tuple(map(float, line["values"].split())),
            published=float(line["published"]) if line["published"] else None,
        )
        for line in csv.DictReader(io.StringIO(text))
    ]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
