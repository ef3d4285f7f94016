"""How a training is doing: losses, the cosine to the teacher on people kept apart, validation figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from experiments.out_of_the_box.making.material import load_material
from experiments.out_of_the_box.making.pictures import make_batch, shrink
from experiments.out_of_the_box.teaching.curve import Curve
from experiments.out_of_the_box.teaching.student import vectors_and_shares
from experiments.out_of_the_box.teaching.teachers import Teacher
from experiments.out_of_the_box.validation import ValidationSets, watched

from stca.models import ReIDModel

APART_SEED = 2**31
"""Pictures of people kept apart are of a seed of their own."""


class Watch:
    """Scores the mean of the weights, for the lines of `curve.csv`.

    Args:
        shared: folder of the raw material and validation sets.
        out: folder of the run.
        teacher: whose vectors of people kept apart are compared.
        model: the mean of the weights, which changes.

    """

    def __init__(self, shared: Path, out: Path, teacher: Teacher, model: ReIDModel) -> None:
        self.model, self.curve = model, Curve(out / "curve.csv", self.figures)
        self.sets = ValidationSets(shared, model.image_size, persons=100)
        _, apart = load_material(shared, out)
        self.apart = make_batch(apart, seed=APART_SEED, first=0, count=256)
        self.truth = np.concatenate([teacher(self.apart[i : i + 64]).vectors for i in range(0, 256, 64)])

    def figures(self, losses: Sequence[float]) -> dict[str, object]:
        """Columns of the curve: mean losses, the cosine on people kept apart, figures on validation sets."""
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
        total, cos, relations, shares = losses
        line: dict[str, object] = {
            "loss": round(total, 4),
            "cosine": round(1 - cos, 4),
            "relations": round(relations, 5),
            "shares": round(shares, 4),
            "cosine apart": round(float(cosine.mean()), 4),
        }
        for name, both in scores.items():
            for kind, figures in zip(("", " other cameras"), both, strict=True):
                line[f"{name}{kind} rank-1"] = round(100 * figures.rank1, 2)
                line[f"{name}{kind} mAP"] = round(100 * figures.mean_ap, 2)
        line["watched"] = round(watched(scores), 2)
        return line
