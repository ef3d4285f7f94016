"""A run's folder: config.yaml, provenance.json, metrics.jsonl, tensorboard/, checkpoints/step-*/.

Results (reports, figures) are beside them; resumes.jsonl has provenance and first step of every
resumption; .lock is locked while a process trains.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stca.config import RunConfig, differences, from_yaml, to_yaml
from stca.errors import CheckpointError, ConfigError
from stca.tools.files import atomic_write, locked, write_text
from stca.tools.provenance import provenance

KEEP = 2
_LOCK = ".lock"
_BEFORE_THE_FIRST_STEP = {"config.yaml", "provenance.json", _LOCK}
_MAY_CHANGE = (
    *("workers=", "device=", "devices=", "log_every=", "checkpoint_every=", "checkpoint_steps=", "eval."),
    "batch.checkpoint_activations=",
)


@dataclass(frozen=True)
class RunDir:
    """Reads and writes the folder; every write is atomic, so that a killed run can go on."""

    path: Path

    @classmethod
    @contextmanager
    def alone(cls, path: Path) -> Iterator[None]:
        """Lock the folder against training by other processes, from before `create` to the last step.

        Raises:
            ConfigError: another process trains there, or the folder holds something else.

        """
        run = cls(Path(path))
        run._check_own()
        run.path.mkdir(parents=True, exist_ok=True)
        hint = "wait for its end, or another --out"
        with locked(run.path / _LOCK, taken="Another process trains in this folder", hint=hint):
            yield

    @classmethod
    def create(cls, path: Path, config: RunConfig, *, resume: bool = False) -> RunDir:
        """Create a run's folder, or reopen one. A run that failed before its first step is started again.

        Where another process could do the same, hold `alone` meanwhile and while training, as `train` does.

        Raises:
            ConfigError: the folder holds something else, or a run of another config.

        """
        run = cls(Path(path))
        run._check_own()
        begun = bool(run._content() - _BEFORE_THE_FIRST_STEP) and not (resume and not run.checkpoints())
        if not run._has_config() or not begun:
            run._begin(config)
        elif resume:
            run._go_on(config)
        else:
            raise ConfigError(
                "There is a run in this folder",
                expected="a new or empty folder",
                where=run.path,
                hint="--resume to go on with it, or another --out",
            )
        return run

    def _content(self) -> Set[str]:
        return {entry.name for entry in self.path.iterdir()} if self.path.is_dir() else set()

    def _check_own(self) -> None:
        """Raise where something else than a run is, which must not be overwritten."""
        if self._has_config():
            self.config()  # raises on another program's config.yaml
        elif self._content() - _BEFORE_THE_FIRST_STEP or (self.path.exists() and not self.path.is_dir()):
            raise ConfigError(
                "A run needs a folder of its own", expected="a new or empty folder", where=self.path
            )

    def _begin(self, config: RunConfig) -> None:
        """Create the folder, or reuse one without any checkpoint."""
        self.path.mkdir(parents=True, exist_ok=True)
        for log in ("metrics.jsonl", "resumes.jsonl"):
            (self.path / log).unlink(missing_ok=True)
        shutil.rmtree(self.path / "tensorboard", ignore_errors=True)
        self._remove_unfinished()
        write_text(self.path / "config.yaml", to_yaml(config))
        write_text(self.path / "provenance.json", json.dumps(provenance(), indent=1) + "\n")

    def _go_on(self, config: RunConfig) -> None:
        """Record the resumption: its provenance and first step."""
        changed = [d for d in differences(self.config(), config) if not d.startswith(_MAY_CHANGE)]
        if changed:
            raise ConfigError(
                "The run in this folder has another config",
                expected="the same options as when it began",
                found=", ".join(changed),
                where=self.path,
            )
        self._remove_unfinished()
        _append(self.path / "resumes.jsonl", {"step": str(self.step()), **provenance()})

    def _remove_unfinished(self) -> None:
        """Remove what a process left that was killed while it saved."""
        for folder in self.path.glob("checkpoints/.unfinished-*"):
            shutil.rmtree(folder)

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """An existing run.

        Raises:
            CheckpointError: no run there.

        """
        run = cls(Path(path))
        if not run._has_config():
            raise CheckpointError(
                "There is no run", expected="a folder with config.yaml, as `stca train` makes", where=path
            )
        return run

    def _has_config(self) -> bool:
        return (self.path / "config.yaml").is_file()

    def provenance(self) -> dict[str, str]:
        """Command, commit, machine and versions with which the run was started; "unknown" where lost."""
        try:
            content = dict(json.loads((self.path / "provenance.json").read_text()))
        except (OSError, ValueError, TypeError):
            content = {}
        return {**dict.fromkeys(provenance(), "unknown"), **content}

    def trained_by(self) -> list[dict[str, str]]:
        """`provenance` of who began, and of all who went on and made steps of the newest checkpoint.

        In order; each has as `step`, in digits, the one it went on from, which is 0 for the first.
        """
        later: list[dict[str, str]] = []
        end = self.step()
        for record in reversed(_records(self.path / "resumes.jsonl")):
            if int(record["step"]) < end:
                later.append(record)
                end = int(record["step"])
        return [{"step": "0", **self.provenance()}, *reversed(later)]

    def config(self) -> RunConfig:
        """What the run was started with.

        Raises:
            ConfigError: config.yaml was damaged.

        """
        path = self.path / "config.yaml"
        try:
            return from_yaml(path.read_text())
        except (ConfigError, UnicodeDecodeError, RecursionError) as error:
            found = error.found or error.what if isinstance(error, ConfigError) else error
            raise ConfigError("This run's config cannot be read", found=found, where=path) from error

    def log(self, record: Mapping[str, object]) -> None:
        """Append one line to metrics.jsonl."""
        _append(self.path / "metrics.jsonl", record)

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl, in order of their steps; a line cut short by a crash is left out.

        Steps that a resumed run did again count once, as they came out last.
        """
        records: dict[tuple[str, int], dict[str, Any]] = {}
        for record in _records(self.path / "metrics.jsonl"):
            with suppress(KeyError, TypeError):
                records[record["kind"], int(record["step"])] = record
        return sorted(records.values(), key=lambda record: int(record["step"]))

    def save_checkpoint(self, step: int, model: bytes, state: Mapping[str, Any]) -> Path:
        """Write model and training state together, whole or not at all; the last two are kept."""
        folder = self.path / "checkpoints"
        folder.mkdir(exist_ok=True)
        target = folder / f"step-{step:07d}"
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
        try:
            with atomic_write(unfinished / "model.safetensors") as file:
                file.write(model)
            with atomic_write(unfinished / "state.pt") as file:
                torch.save(dict(state), file)
            unfinished.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            os.rename(unfinished, target)  # noqa: PTH104  # Path.rename says the same; this one is the point
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        for old in self.checkpoints()[:-KEEP]:
            shutil.rmtree(old)
        return target

    def checkpoints(self) -> list[Path]:
        """Whole checkpoints, oldest first; a copy by another name is none."""
        folders = sorted((self.path / "checkpoints").glob("step-*"))
        return [folder for folder in folders if folder.name.removeprefix("step-").isdigit()]

    def step(self) -> int:
        """Of the newest checkpoint; 0 where there is none."""
        saved = self.checkpoints()
        return int(saved[-1].name.removeprefix("step-")) if saved else 0

    def model_path(self) -> Path:
        """The newest checkpoint's model.

        Raises:
            CheckpointError: the run has not saved one yet.

        """
        if not (found := self.checkpoints()):
            raise CheckpointError(
                "This run has no checkpoint yet",
                expected="checkpoints/step-*/model.safetensors",
                where=self.path,
                hint="let `stca train` reach the end of its first epoch",
            )
        return found[-1] / "model.safetensors"

    def load_state(self) -> dict[str, Any] | None:
        """The newest training state, or None where there is none.

        Raises:
            CheckpointError: it is damaged.

        """
        if not (found := self.checkpoints()):
            return None
        path = found[-1] / "state.pt"
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if min(int(state["epoch"]), int(state["step"]), int(state.get("batch", 0))) < 0:
                raise ValueError("a negative epoch, batch or step")
        except Exception as error:  # a damaged file fails in any of a dozen ways
            raise CheckpointError(
                "Cannot read the run's training state",
                found=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
                where=path,
                hint="remove this checkpoint's folder to go on from the one before",
            ) from error
        return state


def _append(path: Path, record: Mapping[str, object]) -> None:
    """Add a line of JSON."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a crash cut the last line short; do not lose this one with it
                file.write(b"\n")
        file.write(json.dumps(record).encode() + b"\n")


def _records(path: Path) -> list[dict[str, Any]]:
    """Lines of JSON that are whole and have a step."""
    found = []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            record = json.loads(line)
            int(record["step"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
        found.append(record)
    return found
