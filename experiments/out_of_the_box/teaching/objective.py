"""How far a student is from its teacher."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from experiments.out_of_the_box.teaching.teachers import Lesson, by_stripes
from jaxtyping import Float
from torch import Tensor

RELATIONS = 5.0
SHARES = 0.5


class Loss(NamedTuple):
    """The weighted sum, and its parts as they are watched."""

    total: Tensor
    cosine: Tensor
    relations: Tensor
    shares: Tensor


def compare(vectors: Float[Tensor, "B D"], shares: Float[Tensor, "B D h w"], lesson: Lesson) -> Loss:
    """1 - cosine, 5 times the squared difference of the batch's similarities, and half the shares' error.

    The shares' error is a part of their variance over the batch, so that it has no unit.
    """
    shares, expected = by_stripes(shares), lesson.shares
    cosine, relations = distances(vectors, lesson.vectors)
    spread = (expected - expected.mean(dim=0)).square().mean()
    places = (shares - expected).square().mean() / spread
    return Loss(cosine + RELATIONS * relations + SHARES * places, cosine, relations, places)


def distances(vectors: Float[Tensor, "B D"], wanted: Float[Tensor, "B D"]) -> tuple[Tensor, Tensor]:
    """1 - the mean cosine, and the mean squared difference of the similarities within the batch."""
    ours, theirs = F.normalize(vectors), F.normalize(wanted)
    cosine = 1 - (ours * theirs).sum(dim=1).mean()
    return cosine, (ours @ ours.T - theirs @ theirs.T).square().mean()
