"""What every training here shares: a step, the mean of the weights, stopping at any time, and going on."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from experiments.out_of_the_box.teaching.averaging import WeightAverage
from experiments.out_of_the_box.teaching.curve import Curve
from experiments.out_of_the_box.teaching.schedule import Schedule
from torch import Tensor, nn

from stca.tools.files import atomic_write

SAVE_SECONDS = 240.0


Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch", bound="Costly")


class Trainee(Generic[Network]):
    """A network that learns, everything that changes meanwhile, and how it is saved.

    Args:
        model: in training mode.
        folder: of the run.
        rate: learning rate.

    """

    def __init__(self, model: Network, folder: Path, *, rate: float) -> None:
        self.model, self.checkpoint = model, folder / "checkpoint.pt"
        self.average = WeightAverage(model)
        decayed = [p for p in model.parameters() if p.ndim > 1]
        plain = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=rate)
        self.step, self.begun, self.seconds, self.processor = 0, 0, 0.0, 0.0

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "begun": self.begun,
            "seconds": self.seconds,
            "processor": self.processor,
        }
        with atomic_write(self.checkpoint) as file:
            torch.save(state, file)

    def restore(self) -> None:
        """Go on from the checkpoint, where there is one."""
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.model.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.begun = state["step"], state.get("begun", 0)
        self.seconds, self.processor = state["seconds"], state["processor"]

    def descend(self, loss: Sequence[Tensor], rate: float) -> list[float]:
        """One step down the first of these, the total; all of them as numbers."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss[0].backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.average.update(self.model, self.step)
        self.step += 1
        return [part.item() for part in loss]


class Costly(Protocol):
    """A batch that knows what it cost to make."""

    @property
    def seconds(self) -> float:
        """Of a processor."""
        ...


@dataclass(frozen=True)
class RunSettings:
    """What every training is told; see `add_run_options`."""

    shared: Path
    out: Path
    hours: float
    steps: int
    rate: float
    batch: int
    seed: int
    minutes: float


def add_run_options(parser: argparse.ArgumentParser, *, hours: float, steps: int, batch: int) -> None:
    """The options of `RunSettings`, with these defaults."""
    parser.add_argument("--shared", type=Path, required=True, help="folder of the raw material")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of this run; goes on where it stopped"
    )
    parser.add_argument("--hours", type=float, default=hours, help="stop after this long; go on another time")
    parser.add_argument("--steps", type=int, default=steps, help="in all; the last 30 %% with a falling rate")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--batch", type=int, default=batch, help="pictures a step")
    parser.add_argument("--seed", type=int, default=0, help="of chance")
    parser.add_argument("--minutes", type=float, default=10, help="between two validations")


def train(
    trainee: Trainee[Any],
    batches: Iterable[Batch],
    take_step: Callable[[Batch, float], list[float]],
    settings: RunSettings,
    curve: Curve,
) -> None:
    """Learn until the steps are done, the hours are over, or SIGTERM or SIGINT asks to stop; then save.

    Args:
        trainee: what learns.
        batches: from the one on that the next step learns from.
        take_step: learns from a batch at a rate; the parts of its loss.
        settings: of the run.
        curve: is told every step's losses, and checks every `settings.minutes`, and at the end.

    """
    schedule = Schedule(settings.rate, settings.steps, begun=trainee.begun)
    start = saved = checked = last = time.monotonic()
    with _asked_to_stop() as stop:
        for batch in batches:
            begun = time.process_time()
            losses = take_step(batch, schedule.rate(trainee.step))
            curve.note(trainee.step, losses)
            trainee.processor += batch.seconds + time.process_time() - begun
            now = time.monotonic()
            trainee.seconds, last = trainee.seconds + now - last, now
            over = trainee.step >= settings.steps or now - start > settings.hours * 3600
            if over or stop.is_set() or now - saved > SAVE_SECONDS:
                trainee.save()
                saved = now
            if over or now - checked > settings.minutes * 60:
                curve.check(trainee.step, settings.batch, trainee.seconds, trainee.processor)
                checked = last = time.monotonic()
            if over or stop.is_set():
                return


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Set by SIGTERM and SIGINT, so that a step is never cut in two."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
