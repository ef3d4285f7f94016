"""The loop: pictures, the teacher's vectors, the student's, a step, the mean of the weights."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from experiments.out_of_the_box.teaching.averaging import WeightAverage
from experiments.out_of_the_box.teaching.feeding import Source, lessons
from experiments.out_of_the_box.teaching.objective import compare
from experiments.out_of_the_box.teaching.replay import first_needed, replayed
from experiments.out_of_the_box.teaching.schedule import Schedule
from experiments.out_of_the_box.teaching.states import read_state
from experiments.out_of_the_box.teaching.student import create_student, vectors_and_shares
from experiments.out_of_the_box.teaching.teachers import Teacher, teacher_path
from experiments.out_of_the_box.watching import Watch
from torch import nn

from stca.tools.files import atomic_write

SAVE_SECONDS = 240.0


@dataclass(frozen=True)
class Settings:
    """What `train.py` was told."""

    shared: Path
    out: Path
    hours: float
    steps: int
    rate: float
    teacher: str
    batch: int
    seed: int
    minutes: float
    start: Path | None = None


class Learner:
    """Everything that changes while learning, and how it is saved."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        path = teacher_path(settings.shared, settings.teacher)
        self.teacher = Teacher(path, threads=1)
        torch.manual_seed(settings.seed)
        self.model = create_student(settings.shared, self.teacher).train()
        self.average = WeightAverage(self.model)
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate)
        self.step, self.seconds, self.processor = 0, 0.0, 0.0
        if settings.start is not None:
            self.step = read_state(settings.start, self.model)
            read_state(settings.start, self.average.model)
        self.begun = self.step

    @property
    def source(self) -> Source:
        """Where batches come from."""
        return Source(
            self.settings.shared,
            self.settings.out,
            self.settings.teacher,
            self.model.image_size,
            self.settings.batch,
            self.settings.seed,
        )

    @property
    def checkpoint(self) -> Path:
        """The file that a run goes on from."""
        return self.settings.out / "checkpoint.pt"

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

    def take_step(self, pictures: torch.Tensor, lesson: object, rate: float) -> list[float]:
        """One step; the loss and its parts."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = compare(*vectors_and_shares(self.model, pictures), lesson)
        self.optimizer.zero_grad()
        loss.total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.average.update(self.model, self.step)
        self.step += 1
        return [part.item() for part in loss]


def learn(settings: Settings) -> None:
    """Learn until the steps are done, the hours are over, or SIGTERM or SIGINT asks to stop; then save."""
    learner = Learner(settings)
    learner.restore()
    schedule = Schedule(settings.rate, settings.steps, begun=learner.begun)
    watch = Watch(settings.shared, settings.out, learner.teacher, learner.average.model)
    start = saved = checked = last = time.monotonic()
    with _asked_to_stop() as stop, lessons(learner.source, first=first_needed(learner.step)) as batches:
        for batch in replayed(batches, learner.step):
            begun = time.process_time()
            losses = learner.take_step(batch.pictures, batch.lesson, schedule.rate(learner.step))
            watch.note(learner.step, losses)
            learner.processor += batch.seconds + time.process_time() - begun
            now = time.monotonic()
            learner.seconds, last = learner.seconds + now - last, now
            over = learner.step >= settings.steps or now - start > settings.hours * 3600
            if over or stop.is_set() or now - saved > SAVE_SECONDS:
                learner.save()
                saved = now
            if over or now - checked > settings.minutes * 60:
                watch.check(learner.step, settings.batch, learner.seconds, learner.processor)
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
