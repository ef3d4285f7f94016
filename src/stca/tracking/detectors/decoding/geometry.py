"""Arithmetic of boxes and of the cells of a feature pyramid."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from jaxtyping import Float32

from stca.tracking.detectors.decoding.layout import Size

Coding = Literal["offsets", "pixels", "unit"]
"""Of centre and size: offset in cells and log of the size in strides; pixels; fractions of the input."""

_FARTHEST = 10.0  # strides between the centre of a box and that of the cell it belongs to, in the median
_LARGEST_UNIT = 2.0  # a box in fractions of the image may reach beyond it; one of two pixels is none

PYRAMIDS = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32))
"""Strides of the feature maps of published networks."""


def corners(boxes: np.ndarray) -> np.ndarray:
    """(n, 4) centre x, centre y, width, height -> left, top, right, bottom."""
    half = boxes[:, 2:4] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def scale_of(size: Size) -> Float32[np.ndarray, " 4"]:
    """Width, height, width, height of the input, for boxes in fractions of it."""
    return np.array([size[1], size[0], size[1], size[0]], np.float32)


def is_unit(boxes: np.ndarray) -> bool:
    """Whether coordinates are fractions of the image; in pixels they would be boxes of two pixels."""
    finite = boxes[np.isfinite(boxes)]
    return bool(finite.size) and float(finite.max()) <= _LARGEST_UNIT


def in_pixels(boxes: np.ndarray, size: Size) -> np.ndarray:
    """(n, 4) boxes in pixels, whether they are in pixels or in fractions of the input."""
    return boxes * scale_of(size) if is_unit(boxes) else boxes


def num_cells(size: Size, strides: tuple[int, ...]) -> int:
    """How many cells the feature maps with these strides have."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


@functools.lru_cache(maxsize=8)
def cells(size: Size, strides: tuple[int, ...]) -> Float32[np.ndarray, "cells 3"]:
    """Column, row and stride of every cell; map after map, row by row. To be read only."""
    maps = []
    for stride in strides:
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        maps.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(maps).astype(np.float32)


def cell_coding(boxes: np.ndarray, grid: Float32[np.ndarray, "cells 3"], size: Size) -> Coding | None:
    """How boxes, one per cell, are coded: as it puts their centres nearest to their cells.

    A network predicts the centre of a box from the cell it lies in. Read in the wrong coding, centres are
    half the image away from their cells; sizes below 0 are logarithms. None where no coding fits.
    """
    sound = np.isfinite(boxes).all(axis=1)
    boxes, grid = boxes[sound].astype(np.float64), grid[sound]
    if not len(boxes):
        return None
    stride, centre = grid[:, 2], (grid[:, :2] + 0.5) * grid[:, 2:]
    away: dict[Coding, float] = {"offsets": float(np.median(np.abs(boxes[:, :2] - 0.5).max(axis=1)))}
    if (boxes[:, 2:4] >= 0).all():
        for coding, middle in (("pixels", boxes[:, :2]), ("unit", boxes[:, :2] * scale_of(size)[:2])):
            away[coding] = float(np.median(np.abs(middle - centre).max(axis=1) / stride))  # type: ignore[index]
    best = min(away, key=lambda coding: away[coding])
    return best if away[best] <= _FARTHEST else None


def are_corners(boxes: np.ndarray, size: Size) -> bool:
    """Whether many (n, 4) boxes are left, top, right, bottom rather than centre and size.

    Right is never left of left, while widths are often less than the centre's x. Few boxes may fit both: then
    they are corners only if they would reach far beyond the image as centre and size.
    """
    finite = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(finite) or (finite[:, 2:] < finite[:, :2]).any():
        return False
    limits = np.ones(4, np.float32) if is_unit(finite) else scale_of(size)
    return bool((corners(finite) > 1.1 * limits).any() or (corners(finite) < -0.1 * limits).any())
