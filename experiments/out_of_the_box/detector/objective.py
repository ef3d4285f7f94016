"""How far a detector's map is from the people in a picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from experiments.out_of_the_box.detector.network import STRIDE, corners
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional as F

BOXES = 2.0
_SPREAD = 0.10
"""Standard deviation of a person's mark, as a part of the box's sides."""


class Marks(NamedTuple):
    """What the map of one batch should say.

    Args:
        middles: 1 at the middle of a person, less around it, 0 elsewhere.
        counts: 0 where it cannot be told whether anybody is there, else 1.
        boxes: left, top, right, bottom in pixels.
        weights: of the boxes; 0 where no person's middle is near.

    """

    middles: Float[Tensor, "B h w"]
    counts: Float[Tensor, "B h w"]
    boxes: Float[Tensor, "B 4 h w"]
    weights: Float[Tensor, "B h w"]


class DetectorLoss(NamedTuple):
    """The weighted sum, and its parts."""

    total: Tensor
    middles: Tensor
    boxes: Tensor


def mark(
    people: Float32[np.ndarray, "n 4"], unsure: Float32[np.ndarray, "m 4"], size: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    """`Marks` of one picture of `size` (H, W), without the dimension of the batch."""
    high, wide = size[0] // STRIDE, size[1] // STRIDE
    middles, counts = np.zeros((high, wide), np.float32), np.ones((high, wide), np.float32)
    boxes, weights = np.zeros((4, high, wide), np.float32), np.zeros((high, wide), np.float32)
    x = np.arange(wide, dtype=np.float32)[None] * STRIDE + STRIDE / 2
    y = np.arange(high, dtype=np.float32)[:, None] * STRIDE + STRIDE / 2
    for left, top, right, bottom in unsure:
        counts[(x >= left) * (x <= right) * (y >= top) * (y <= bottom)] = 0
    # Small people last: where middles meet, the smaller one's box is the one that others do not give.
    for box in sorted(people, key=lambda b: -(b[2] - b[0]) * (b[3] - b[1])):
        left, top, right, bottom = box
        away = ((x - (left + right) / 2) / max(_SPREAD * (right - left), STRIDE / 3)) ** 2
        away = away + ((y - (top + bottom) / 2) / max(_SPREAD * (bottom - top), STRIDE / 3)) ** 2
        near = np.exp(-away / 2)
        peak = np.unravel_index(np.argmin(away), away.shape)
        near[peak] = 1
        middles = np.maximum(middles, near)
        inside = (x > left) * (x < right) * (y > top) * (y < bottom)  # distances are never negative
        taught = (near > 0.3) * inside
        if not taught.any():
            continue
        boxes[:, taught] = box[:, None]
        weights[taught] = near[taught] / near[taught].sum()
        counts[taught] = 1
    return middles, counts, boxes, weights


def compare(logits: Float[Tensor, "B h w"], sides: Float[Tensor, "B 4 h w"], marks: Marks) -> DetectorLoss:
    """Focal loss of the middles with soft marks, and twice 1 - generalised IoU of the boxes, a person."""
    persons = marks.weights.sum().clamp(min=1.0)
    chance = logits.sigmoid()
    there = (marks.middles == 1).float()
    missed = F.softplus(-logits) * (1 - chance).square() * there
    false = F.softplus(logits) * chance.square() * (1 - marks.middles).pow(4) * (1 - there)
    middles = ((missed + false) * marks.counts).sum() / persons
    boxes = ((1 - overlap(corners(sides), marks.boxes)) * marks.weights).sum() / persons
    return DetectorLoss(middles + BOXES * boxes, middles, boxes)


def overlap(ours: Float[Tensor, "B 4 h w"], theirs: Float[Tensor, "B 4 h w"]) -> Float[Tensor, "B h w"]:
    """Generalised intersection over union: Rezatofighi et al., CVPR 2019."""
    low = torch.maximum(ours[:, :2], theirs[:, :2])
    high = torch.minimum(ours[:, 2:], theirs[:, 2:])
    both = (high - low).clamp(min=0).prod(dim=1)
    either = _area(ours) + _area(theirs) - both
    around = (torch.maximum(ours[:, 2:], theirs[:, 2:]) - torch.minimum(ours[:, :2], theirs[:, :2])).prod(
        dim=1
    )
    return both / either.clamp(min=1e-6) - (around - either) / around.clamp(min=1e-6)


def _area(boxes: Float[Tensor, "B 4 h w"]) -> Float[Tensor, "B h w"]:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
