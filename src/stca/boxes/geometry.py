"""Cutting boxes out of images, and the overlap of boxes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from stca.boxes.rows import MotRow
from stca.footage.images import RGB


def crop(image: RGB, row: MotRow) -> UInt8[np.ndarray, "h w 3"]:
    """The part of the (H, W, 3) image inside the box, rounded to whole pixels; empty for a box outside."""
    height, width = image.shape[:2]
    left, right = _inside(row.left, row.width, width)
    top, bottom = _inside(row.top, row.height, height)
    return image[top:bottom, left:right]


def _inside(start: float, length: float, limit: int) -> tuple[int, int]:
    return min(max(round(start), 0), limit), min(max(round(start + length), 0), limit)


def overlaps(first: Float[np.ndarray, "n 4"], second: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of every pair of boxes, each left, top, right, bottom."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (opposite - corner).clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    ratio: Float[np.ndarray, "n m"] = shared / np.maximum(union, 1e-9)
    return ratio
