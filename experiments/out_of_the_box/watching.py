"""How a training is doing: losses, the cosine to the teacher on people kept apart, validation figures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from experiments.out_of_the_box.making.material import load_material
from experiments.out_of_the_box.making.pictures import make_batch, shrink
from experiments.out_of_the_box.teaching.student import vectors_and_shares
from experiments.out_of_the_box.teaching.teachers import Teacher
from experiments.out_of_the_box.validation import ValidationSets, watched

from stca.models import ReIDModel

APART_SEED = 2**31
"""Pictures of people kept apart are of a seed of their own."""


class Watch:
    """Scores the mean of the weights, and appends what it finds to `curve.csv`.

    Args:
        shared: folder of the raw material and validation sets.
        out: folder of the run.
        teacher: whose vectors of people kept apart are compared.
        model: the mean of the weights, which changes.

    """

    def __init__(self, shared: Path, out: Path, teacher: Teacher, model: ReIDModel) -> None:
        self.model, self.file = model, out / "curve.csv"
        self.sets = ValidationSets(shared, model.image_size, persons=100)
        _, apart = load_material(shared, out)
        self.apart = make_batch(apart, seed=APART_SEED, first=0, count=256)
        self.truth = np.concatenate([teacher(self.apart[i : i + 64]).vectors for i in range(0, 256, 64)])
        self.losses: list[list[float]] = []

    def note(self, step: int, losses: list[float]) -> None:
        """Remember a step's losses until the next check."""
        self.losses.append(losses)
        if len(self.losses) % 50 == 0:
            print(step, np.round(np.mean(self.losses[-50:], axis=0), 4), flush=True)

    def check(self, step: int, batch: int, seconds: float, processor: float) -> None:
        """Score, and write one line: after how many steps of how many pictures, and what they cost."""
        model = self.model

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
            "step": step,
            "pictures": step * batch,
            "wall hours": round(seconds / 3600, 3),
            "processor hours": round(processor / 3600, 3),
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
