"""A run's folder: config.yaml, metrics.jsonl, tensorboard/, checkpoints/step-*/, and what is made of them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stca.config import RunConfig, differences, from_yaml, to_yaml
from stca.errors import CheckpointError, ConfigError
from stca.files import atomic_write, write_text
from stca.provenance import provenance

KEEP = 2
_BEFORE_THE_FIRST_STEP = {"config.yaml", "provenance.json"}
_MAY_CHANGE = (
    *("workers=", "device=", "devices=", "log_every=", "checkpoint_every=", "checkpoint_steps=", "eval."),
    "batch.checkpoint_activations=",
)


@dataclass(frozen=True)
class RunDir:
    """Reads and writes the folder; every write is atomic, so that a killed run can go on."""

    path: Path

    @classmethod
    def create(cls, path: Path, config: RunConfig, *, resume: bool = False) -> RunDir:
        """Start a run's folder, or go back to one. A run that failed before its first step is begun anew.

        Raises:
            ConfigError: the folder holds something else, or a run of another config.

        """
        run = cls(Path(path))
        if run._has_config():
            run.config()  # raises on another program's config.yaml, which must not be overwritten
        content = {entry.name for entry in run.path.iterdir()} if run.path.is_dir() else set()
        begun = bool(content - _BEFORE_THE_FIRST_STEP) and not (resume and not run.checkpoints())
        if not run._has_config() or not begun:
            foreign = content - _BEFORE_THE_FIRST_STEP and not run._has_config()
            if run.path.exists() and (not run.path.is_dir() or foreign):
                raise ConfigError(
                    "A run needs a folder of its own", expected="a new or empty folder", where=run.path
                )
            run.path.mkdir(parents=True, exist_ok=True)
            (run.path / "metrics.jsonl").unlink(missing_ok=True)
            write_text(run.path / "config.yaml", to_yaml(config))
            write_text(run.path / "provenance.json", json.dumps(provenance(), indent=1) + "\n")
            return run
        if not resume:
            raise ConfigError(
                "There is a run in this folder",
                expected="a new or empty folder",
                where=run.path,
                hint="--resume to go on with it, or another --out",
            )
        changed = [d for d in differences(run.config(), config) if not d.startswith(_MAY_CHANGE)]
        if changed:
            raise ConfigError(
                "The run in this folder has another config",
                expected="the same options as when it began",
                found=", ".join(changed),
                where=run.path,
            )
        return run

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
        """Command, commit, machine and versions with which the run was started."""
        path = self.path / "provenance.json"
        content: dict[str, str] = json.loads(path.read_text()) if path.is_file() else provenance()
        return content

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
        with (self.path / "metrics.jsonl").open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a crash cut the last line short; do not lose this one with it
                    file.write(b"\n")
            file.write(json.dumps(record).encode() + b"\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl, in order of their steps; a line cut short by a crash is left out.

        Steps that a resumed run did again count once, as they came out last.
        """
        path = self.path / "metrics.jsonl"
        records: dict[tuple[str, int], dict[str, Any]] = {}
        for line in path.read_bytes().splitlines() if path.is_file() else []:
            try:
                record = json.loads(line)
                records[record["kind"], int(record["step"])] = record
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue
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
        """Whole checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("step-*"))

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
