"""The loop: pictures, the teacher's vectors, the student's, a step, the mean of the weights."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from out_of_the_box.averaging import WeightAverage
from out_of_the_box.feeding import Source, lessons
from out_of_the_box.material import load_material
from out_of_the_box.objective import compare
from out_of_the_box.pictures import make_batch, shrink
from out_of_the_box.replay import first_needed, replayed
from out_of_the_box.schedule import Schedule
from out_of_the_box.student import create_student, vectors_and_shares
from out_of_the_box.teachers import Teacher, teacher_path
from out_of_the_box.validation import ValidationSets, watched
from stca.files import atomic_write

SAVE_SECONDS = 240.0
APART_SEED = 2**31
"""Pictures of people kept apart are of a seed of their own."""


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


class Learner:
    """Everything that changes while learning, and how it is saved."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.grid = (8, 4)
        path = teacher_path(settings.shared, settings.teacher)
        self.teacher = Teacher(path, grid=self.grid, threads=1)
        torch.manual_seed(settings.seed)
        self.model = create_student(settings.shared, self.teacher).train()
        self.average = WeightAverage(self.model)
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate)
        self.step, self.seconds, self.processor = 0, 0.0, 0.0

    @property
    def source(self) -> Source:
        """Where batches come from."""
        return Source(
            self.settings.shared,
            self.settings.out,
            self.settings.teacher,
            self.grid,
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
        self.step, self.seconds, self.processor = state["step"], state["seconds"], state["processor"]

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
    """Learn until the steps are done or the hours are over."""
    learner = Learner(settings)
    learner.restore()
    schedule = Schedule(settings.rate, settings.steps)
    watch = Watch(settings, learner)
    start = saved = checked = last = time.monotonic()
    with lessons(learner.source, first=first_needed(learner.step)) as batches:
        for batch in replayed(batches, learner.step):
            begun = time.process_time()
            watch.note(learner.take_step(batch.pictures, batch.lesson, schedule.rate(learner.step)))
            learner.processor += batch.seconds + time.process_time() - begun
            now = time.monotonic()
            learner.seconds, last = learner.seconds + now - last, now
            over = learner.step >= settings.steps or now - start > settings.hours * 3600
            if over or now - saved > SAVE_SECONDS:
                learner.save()
                saved = now
            if over or now - checked > settings.minutes * 60:
                watch.check()
                checked = last = time.monotonic()
            if over:
                return


class Watch:
    """Scores the mean of the weights, and appends what it finds to `curve.csv`."""

    def __init__(self, settings: Settings, learner: Learner) -> None:
        self.learner, self.file = learner, settings.out / "curve.csv"
        self.sets = ValidationSets(settings.shared, learner.model.image_size, persons=100)
        _, apart = load_material(settings.shared, settings.out)
        self.apart = make_batch(apart, seed=APART_SEED, first=0, count=256)
        self.truth = np.concatenate(
            [learner.teacher(self.apart[i : i + 64]).vectors for i in range(0, 256, 64)]
        )
        self.losses: list[list[float]] = []

    def note(self, losses: list[float]) -> None:
        """Remember a step's losses until the next check."""
        self.losses.append(losses)
        if len(self.losses) % 50 == 0:
            print(self.learner.step, np.round(np.mean(self.losses[-50:], axis=0), 4), flush=True)

    def check(self) -> None:
        """Score, and write one line."""
        model = self.learner.average.model

        @torch.no_grad()
        def embed(pictures: np.ndarray) -> np.ndarray:
            return vectors_and_shares(model, torch.from_numpy(pictures))[0].numpy()

        apart = shrink(self.apart, model.image_size)
        ours = np.concatenate([embed(apart[i : i + 64]) for i in range(0, 256, 64)])
        cosine = (
            (ours * self.truth).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(self.truth, axis=1)
        )
        scores = self.sets.score(embed)
        total, cos, relations, shares = np.mean(self.losses, axis=0)
        line: dict[str, object] = {
            "step": self.learner.step,
            "pictures": self.learner.step * self.learner.settings.batch,
            "wall hours": round(self.learner.seconds / 3600, 3),
            "processor hours": round(self.learner.processor / 3600, 3),
            "loss": round(float(total), 4),
            "cosine": round(float(1 - cos), 4),
            "relations": round(float(relations), 5),
            "shares": round(float(shares), 4),
            "cosine apart": round(float(cosine.mean()), 4),
        }
        for name, both in scores.items():
            for kind, figures in zip(("", " other cameras"), both, strict=True):
                line[f"{name}{kind} rank-1"] = round(100 * figures.rank1, 2)
                line[f"{name}{kind} mAP"] = round(100 * figures.mean_ap, 2)
        line["watched"] = round(watched(scores), 2)
        print(line, flush=True)
        fresh = not self.file.is_file()
        with self.file.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(line))
            if fresh:
                writer.writeheader()
            writer.writerow(line)
        self.losses.clear()
