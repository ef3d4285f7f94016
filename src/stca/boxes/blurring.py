"""Making heads unrecognisable in pictures that are given to others."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from stca.footage.images import RGB

_OF_HEIGHT, _OF_WIDTH = 0.3, 0.75
"""How far down a head reaches in a box at most, by the box's sides, with room for a box that is too large.

A standing person is some three times as high as wide and seven and a half heads high; where a box shows only
head and shoulders, its width says more.
"""
_BEYOND = 0.1
"""Part of a box's sides by which the region is larger than the box: boxes are often too small."""
_CELLS = 4
"""Squares side by side over a head's region."""


def head_region(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The part of a person's box that the head is in, and some more.

    Args:
        box: left, top, width, height in pixels.

    Returns:
        left, top, width, height.

    """
    left, top, width, height = box
    down = min(height, max(_OF_HEIGHT * height, _OF_WIDTH * width))
    return left - _BEYOND * width, top - _BEYOND * down, (1 + 2 * _BEYOND) * width, (1 + _BEYOND) * down


def blur_head(image: RGB, box: tuple[float, float, float, float]) -> None:
    """Blur the head of a person, in place: averages over a few squares, blurred.

    There is no detector of faces: everything in `head_region` goes, also of somebody behind.

    Args:
        image: (H, W, 3).
        box: left, top, width, height in pixels; may reach beyond the image.

    """
    left, top, width, height = head_region(box)
    first, last = max(int(np.floor(left)), 0), min(int(np.ceil(left + width)), image.shape[1])
    upper, lower = max(int(np.floor(top)), 0), min(int(np.ceil(top + height)), image.shape[0])
    if first >= last or upper >= lower:
        return
    part = Image.fromarray(np.ascontiguousarray(image[upper:lower, first:last]))
    cell = max(width / _CELLS, 1.0)
    squares = max(1, round(part.width / cell)), max(1, round(part.height / cell))
    coarse = part.resize(squares, Image.Resampling.BOX).resize(part.size, Image.Resampling.NEAREST)
    image[upper:lower, first:last] = np.asarray(coarse.filter(ImageFilter.GaussianBlur(cell / 2)))


def without_head(crop: RGB) -> RGB:
    """A copy of a crop of one person, with the head blurred."""
    image = crop.copy()
    blur_head(image, (0.0, 0.0, float(crop.shape[1]), float(crop.shape[0])))
    return image
