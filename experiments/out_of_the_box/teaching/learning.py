"""A network learns from a teacher's vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from experiments.out_of_the_box.teaching.feeding import Batch, Source, lessons
from experiments.out_of_the_box.teaching.loop import RunSettings, Trainee, train
from experiments.out_of_the_box.teaching.objective import compare
from experiments.out_of_the_box.teaching.replay import first_needed, replayed
from experiments.out_of_the_box.teaching.states import read_state
from experiments.out_of_the_box.teaching.student import create_student, vectors_and_shares
from experiments.out_of_the_box.teaching.teachers import Lesson, Teacher, teacher_path
from experiments.out_of_the_box.watching import Watch

from stca.models import ReIDModel


@dataclass(frozen=True)
class Settings(RunSettings):
    """What `train.py` was told."""

    teacher: str
    start: Path | None = None


class Learner(Trainee[ReIDModel]):
    """The student, and where what it learns from is made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.teacher = Teacher(teacher_path(settings.shared, settings.teacher), threads=1)
        torch.manual_seed(settings.seed)
        student = create_student(settings.shared, self.teacher).train()
        super().__init__(student, settings.out, rate=settings.rate)
        if settings.start is not None:
            self.step = self.begun = read_state(settings.start, self.model)
            read_state(settings.start, self.average.model)

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

    def take_step(self, pictures: torch.Tensor, lesson: Lesson, rate: float) -> list[float]:
        """One step; the loss and its parts."""
        return self.descend(compare(*vectors_and_shares(self.model, pictures), lesson), rate)


def learn(settings: Settings) -> None:
    """Learn until the steps are done, the hours are over, or SIGTERM or SIGINT asks to stop; then save."""
    learner = Learner(settings)
    learner.restore()
    watch = Watch(settings.shared, settings.out, learner.teacher, learner.average.model)

    def take_step(batch: Batch, rate: float) -> list[float]:
        return learner.take_step(batch.pictures, batch.lesson, rate)

    with lessons(learner.source, first=first_needed(learner.step)) as batches:
        train(learner, replayed(batches, learner.step), take_step, settings, watch.curve)
