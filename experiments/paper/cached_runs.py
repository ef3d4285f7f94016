"""Runs that are stored by a hash of their settings, so that each is trained, embedded and scored once.

    run = Run(config)              # a config that names its data's roots
    run.key, run.path              # 12 hexadecimal digits; runs/cells/<key>
    run.state()                    # done, or at which step of how many
    run.ensure()                   # the RunDir; trains if necessary, resumes an interrupted run
    run.model(), run.splits()      # the trained network; the data it is tested on
    run.test()                     # TestSet: query and gallery embeddings, stored with the run
    run.scores("euclidean")        # one Score per protocol, stored with the run
    run.known_scores("cosine")     # stored scores only; computes nothing

If two processes need the same run, the second waits for the first. A folder with a run of other settings than
its key stands for is an error. `run_options.RunOptions` makes a recipe's runs.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.paper.keys import differing_settings, key_of, read_json, resolved, stored_config
from experiments.paper.training_cost import steps

from stca.config import RunConfig, to_yaml
from stca.datasets.counts import count_unanswered
from stca.distance import Metric
from stca.errors import ConfigError, RankingError, StcaError
from stca.evaluation import TestSet, embed_test_set, score
from stca.models import ReIDModel
from stca.ranking import FIGURES
from stca.run_dir import RunDir
from stca.runs import load_run, load_test, train
from stca.tools.files import write_text
from stca.tracklets import Embeddings, Splits

CELLS = Path("runs/cells")


@dataclasses.dataclass(frozen=True)
class State:
    """The progress of a run."""

    step: int
    total: int
    done: bool
    taken: bool = False
    """Whether the folder holds a run with other settings."""

    def __str__(self) -> str:
        if self.taken:
            return "folder holds another run"
        if self.done:
            return "done"
        return f"at step {self.step} of about {self.total}" if self.step else "to do"


@dataclasses.dataclass(frozen=True)
class Score:
    """The metrics of one protocol, as fractions of 1."""

    protocol: str
    metric: str
    num_queries: int
    gallery_size: int
    figures: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run whose folder is named by the key of its config.

    Args:
        config: the settings. The key ignores `recipe`, the roots of published data sets, device, workers,
            logging and `eval`. It includes weights by their content, walkers by their `walkers.json`,
            `precision` as resolved on this machine, and other settings only if they differ from the default.
        cells: the parent folder of all runs.

    """

    config: RunConfig
    cells: Path = CELLS

    @property
    def key(self) -> str:
        """A hash of everything that determines the result.

        Raises:
            ConfigError: precision is "auto" for a GPU that this machine does not have.

        """
        return key_of(self.config)

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.cells / self.key

    @property
    def done(self) -> bool:
        """Whether training has finished and its last checkpoint still exists."""
        content, step = read_json(self.path / "finished.json"), RunDir(self.path).step()
        return isinstance(content, dict) and content.get("step") == step > 0 and not self._others()

    def state(self) -> State:
        """The progress of the run; for walkers, the number of steps is counted in the data."""
        return State(RunDir(self.path).step(), steps(self.config), self.done, bool(self._others()))

    def ensure(self) -> RunDir:
        """Train the run unless it is finished; an interrupted run is resumed.

        There is no evaluation during training: see `test` and `scores`.

        Raises:
            ConfigError: more than one process, or a folder with a run of other settings.
            StcaError: as `stca.runs.train`.

        """
        _check_processes(self.config)
        self.cells.mkdir(parents=True, exist_ok=True)
        with _alone(self.cells / f"{self.key}.lock"):
            self._check_folder()
            if not self.done:
                self._prepare()
                run = train(resolved(self.config), self.path, resume=True, test=False)
                write_text(run.path / "finished.json", json.dumps({"step": run.step()}) + "\n")
        return RunDir.open(self.path)

    def model(self) -> ReIDModel:
        """The trained model, in evaluation mode."""
        return load_run(self.ensure().path)

    def splits(self) -> Splits:
        """The test data."""
        return load_test(self.config)

    def test(self) -> TestSet:
        """Embeddings of query and gallery; missing or damaged files are recomputed."""
        folder = self.path / f"test-{self._clip_len}-frames"
        run = self.ensure()
        try:
            return TestSet(Embeddings.load(folder / "query.npz"), Embeddings.load(folder / "gallery.npz"))
        except RankingError:
            pass
        test = embed_test_set(
            load_run(run.path),
            self.splits(),
            clip_len=self._clip_len,
            batch_size=self.config.eval.batch_size,
            device=self.config.device,
            precision="float32",
            runtime="torch",
            workers=self.config.workers,
        )
        test.query.save(folder / "query.npz")
        test.gallery.save(folder / "gallery.npz")
        return test

    def scores(self, metric: Metric = "cosine") -> tuple[Score, ...]:
        """The scores under every protocol of the data set in which some query has a correct match.

        Raises:
            RankingError: there is no such protocol.

        """
        self.ensure()
        if known := self.known_scores(metric):
            return known
        splits = self.splits()
        protocols = [p for p in splits.protocols if count_unanswered(splits, p) < len(splits.query)]
        if not protocols:
            raise RankingError(
                f"No query of {splits.name} has a correct match",
                expected="a query identity that the gallery shows in another camera",
                found=f"{len(splits.query)} queries, {len(splits.gallery)} gallery tracklets",
            )
        found = tuple(
            Score(m.protocol, metric, m.num_queries, m.gallery_size, {f: m.value(f) for f in FIGURES})
            for m in score(self.test(), protocols, metric=metric)
        )
        text = json.dumps([dataclasses.asdict(each) for each in found], indent=1)
        write_text(self._scores_file(metric), text + "\n")
        return found

    def known_scores(self, metric: Metric = "cosine") -> tuple[Score, ...]:
        """The stored scores; empty if there are none or the file is damaged."""
        return _read_scores(self._scores_file(metric)) if self.done else ()

    def seconds(self) -> float:
        """Training time from the log, without evaluation; approximate if the run was interrupted."""
        batch = self.config.batch.identities * self.config.batch.instances
        records = [r for r in RunDir(self.path).metrics() if r["kind"] == "train"]
        steps = [0, *(r["step"] for r in records)]
        return sum(
            (after - before) * batch / record["clips_per_s"]
            for before, after, record in zip(steps, steps[1:], records, strict=False)
            if record.get("clips_per_s")
        )

    def trained_at(self) -> tuple[str, str]:
        """Commit and machine of the training; separated by semicolons if it was continued elsewhere."""
        starts = RunDir(self.path).trained_by()
        commit, machine = (
            "; ".join(dict.fromkeys(s[name] for s in starts)) for name in ("commit", "machine")
        )
        return commit, machine

    def _scores_file(self, metric: Metric) -> Path:
        return self.path / f"test-{self._clip_len}-frames" / f"{metric}.json"

    @property
    def _clip_len(self) -> int:
        return self.config.eval.clip_len or self.config.clips.clip_len

    def _others(self) -> dict[str, tuple[object, object]]:
        """Settings in which the stored run differs: (requested, stored) by name."""
        file = self.path / "config.yaml"
        if not file.is_file():
            return {}
        try:
            return differing_settings(self.config, stored_config(file))
        except StcaError as error:
            return {"config.yaml": ("that of a run", error.what)}

    def _check_folder(self) -> None:
        """Keys omit defaults, so a default that has changed since is only detected here."""
        if others := self._others():
            raise ConfigError(
                "This folder holds a run with other settings",
                expected=", ".join(f"{name}={requested}" for name, (requested, _) in others.items()),
                found=", ".join(f"{name}={stored}" for name, (_, stored) in others.items()),
                where=self.path,
                hint="move the folder away; the run is then trained again",
            )

    def _prepare(self) -> None:
        """Update the data roots of an interrupted run, and delete embeddings of earlier weights."""
        (self.path / "finished.json").unlink(missing_ok=True)
        for vectors in self.path.glob("test-*"):
            shutil.rmtree(vectors)
        file = self.path / "config.yaml"
        if not file.is_file():
            return
        stored, data = RunDir(self.path).config(), self.config.data
        here, there = (
            tuple(str(Path(root).expanduser().absolute()) for root in roots)
            for roots in (data.roots, data.eval_roots)
        )
        moved = dataclasses.replace(stored.data, roots=here, eval_roots=there)
        weights = dataclasses.replace(stored.model, weights=self.config.model.weights)
        write_text(file, to_yaml(dataclasses.replace(stored, data=moved, model=weights)))


def _check_processes(config: RunConfig) -> None:
    """Refuse distributed runs: the processes would wait for each other's lock."""
    started = os.environ.get("WORLD_SIZE", "1")
    if config.devices != 1 or started != "1":
        raise ConfigError(
            "Runs of a table use one process each",
            expected="devices=1, and no torchrun",
            found=f"devices={config.devices}, WORLD_SIZE={started}",
            hint="start the command several times, with different --only",
        )


def _read_scores(path: Path) -> tuple[Score, ...]:
    """Read stored scores; empty if the file is missing or damaged."""
    try:
        found = tuple(Score(**each) for each in read_json(path) or ())
        whole = all(set(each.figures) == set(FIGURES) for each in found)
        valid = all(0 <= value <= 1 for each in found for value in each.figures.values())
    except (TypeError, AttributeError):
        return ()
    return found if whole and valid else ()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a file lock, which the system releases when the process ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting: another process is training {path.stem}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
