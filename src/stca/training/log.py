"""Metrics of a training run: metrics.jsonl, TensorBoard, progress bar."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stca.clips import ClipBatch
from stca.config import RunConfig
from stca.errors import TrainingError
from stca.losses import AuthorsParts, LossParts
from stca.run_dir import RunDir


class Log:
    """Writes metrics.jsonl and TensorBoard, and warns of frames that could not be read.

    Args:
        run: its folder gets the metrics.
        config: `log_every` steps a line is written.
        start: steps that are behind a run that goes on; what TensorBoard has of later ones is done again.
        writes: False for all ranks but one.

    """

    def __init__(self, run: RunDir, config: RunConfig, *, start: int = 0, writes: bool = True) -> None:
        self.run, self.every, self.epochs = run, config.log_every, config.optim.epochs
        self.board = _board(run.path / "tensorboard", start) if writes else None
        self.bad: set[Path] = set()
        self._status = ""
        self.since, self.clips = time.monotonic(), 0

    def status(self) -> str:
        """For the progress bar."""
        return self._status

    def step(
        self, step: int, epoch: int, lr: float, losses: LossParts | AuthorsParts, batch: ClipBatch
    ) -> None:
        """After the losses of a step are known, before the step is taken.

        Raises:
            TrainingError: they are not finite.

        """
        self._count_bad(batch)
        values = {name: float(value.detach()) for name, value in losses._asdict().items()}
        if not all(map(math.isfinite, values.values())):
            raise divergence_error(
                ", ".join(f"{k} {v:g}" for k, v in values.items()), f"step {step}, epoch {epoch + 1}"
            )
        self._status = f"epoch {epoch + 1}/{self.epochs}, loss {values['total']:.3f}"
        self.clips += len(batch.rows)
        if step % self.every and step != 1:
            return
        speed = self.clips / (time.monotonic() - self.since)
        self.since, self.clips = time.monotonic(), 0
        self._write("train", step, epoch, {**values, "lr": lr, "clips_per_s": round(speed, 2)})

    def evaluation(self, step: int, epoch: int, figures: Mapping[str, float]) -> None:
        """Write the scores of a test; the time it took does not count for the speed of training."""
        self._write("eval", step, epoch, figures)
        self.since, self.clips = time.monotonic(), 0

    def close(self) -> None:
        """At the end."""
        if self.board:
            self.board.close()
        if self.bad:
            print(f"warning: {len(self.bad)} frames could not be read in all", file=sys.stderr)

    def _write(self, kind: str, step: int, epoch: int, figures: Mapping[str, float]) -> None:
        if not self.board:
            return
        self.run.log({"kind": kind, "step": step, "epoch": epoch + 1, **figures})
        for name, value in figures.items():
            self.board.add_scalar(f"{kind}/{name}", value, step)

    def _count_bad(self, batch: ClipBatch) -> None:
        for path in batch.bad_frames:
            if path not in self.bad:
                self.bad.add(path)
                print(
                    f"warning: cannot read {path}; a neighbouring frame stands in ({len(self.bad)} so far)",
                    file=sys.stderr,
                )


def divergence_error(found: str, where: str) -> TrainingError:
    """The error of a run whose losses or vectors are no longer finite."""
    return TrainingError(
        "Training diverged",
        expected="finite losses and vectors",
        found=found,
        where=where,
        hint="a smaller optim.lr, or optim.warmup_epochs; the last checkpoint, if there is one, is intact",
    )


def _board(folder: Path, start: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # takes a second to import

    return SummaryWriter(str(folder), purge_step=start + 1 if start else None)
