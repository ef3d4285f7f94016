"""Quality of crops for re-identification: four scores from 0 to 1, and the thresholds for using a crop."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Float32

from stca.footage.images import RGB

MIN_QUALITY: Mapping[str, float] = {"sharpness": 0.1, "size": 0.1, "inside": 0.75, "visible": 0.5}
"""Lowest score of each kind with which a crop is embedded."""

_LOW, _HIGH = 24.0, 128.0  # heights in pixels that score 0 and 1 for size
_SHARPNESS_HEIGHT = 64  # pixels; crops are reduced to it before sharpness is measured
_HALF_SHARP = 150.0  # variance of the Laplacian that scores one half for sharpness


def is_usable(quality: Mapping[str, float]) -> bool:
    """Whether every score reaches its threshold in `MIN_QUALITY`."""
    return all(quality[name] >= least for name, least in MIN_QUALITY.items())


def sharpness(image: RGB) -> float:
    """Sharpness of an (H, W, 3) crop: variance v of the Laplacian of the brightness, as v / (v + 150).

    It is measured at a fixed height, because defocus and motion blur leave few edges at any scale; the size
    of the crop has a score of its own.
    """
    import cv2

    if not image.size:
        return 0.0
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if grey.shape[0] > _SHARPNESS_HEIGHT:
        width = max(1, round(grey.shape[1] * _SHARPNESS_HEIGHT / grey.shape[0]))
        grey = cv2.resize(grey, (width, _SHARPNESS_HEIGHT), interpolation=cv2.INTER_AREA)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return variance / (variance + _HALF_SHARP)


def size(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Score by height: 0 up to 24 pixels, 1 from 128 pixels, linear in between."""
    scores: Float[np.ndarray, " n"] = ((boxes[:, 3] - boxes[:, 1] - _LOW) / (_HIGH - _LOW)).clip(0, 1)
    return scores


def inside(boxes: Float[np.ndarray, "n 4"], width: int, height: int) -> Float[np.ndarray, " n"]:
    """Fraction of every box (left, top, right, bottom) that lies inside the image."""
    limits = np.array([width, height, width, height])
    within = boxes.clip(0, limits)
    parts: Float[np.ndarray, " n"] = _areas(within) / np.maximum(_areas(boxes), 1e-9)
    return parts


def visible(
    boxes: Float[np.ndarray, "n 4"],
    *,
    people: Bool[np.ndarray, " n"] | None = None,
    grid: tuple[int, int] = (16, 8),
) -> Float[np.ndarray, " n"]:
    """Fraction of every box that no person in front of it covers.

    A person whose feet are lower in the image is taken to be nearer to the camera. The covered part is
    counted on a grid of points (rows, columns) in every box, so that overlapping covers count once.

    Args:
        boxes: left, top, right, bottom.
        people: which of them cover others; default: all. Weak boxes that no track took are mostly nobody.
        grid: points in a box.

    """
    if not len(boxes):
        return np.zeros(0)
    down, across = ((np.arange(count) + 0.5) / count for count in grid)
    x = boxes[:, 0, None] + across * (boxes[:, 2] - boxes[:, 0])[:, None]  # (n, columns)
    y = boxes[:, 1, None] + down * (boxes[:, 3] - boxes[:, 1])[:, None]  # (n, rows)
    in_x = (boxes[None, :, 0, None] <= x[:, None]) & (
        x[:, None] <= boxes[None, :, 2, None]
    )  # (n, m, columns)
    in_y = (boxes[None, :, 1, None] <= y[:, None]) & (y[:, None] <= boxes[None, :, 3, None])  # (n, m, rows)
    in_front = boxes[None, :, 3] > boxes[:, None, 3]  # (n, m): m stands lower than n
    if people is not None:
        in_front &= people[None, :]
    in_x &= in_front[:, :, None]
    covered = (in_y[:, :, :, None] & in_x[:, :, None, :]).any(axis=1)  # (n, rows, columns)
    seen: Float[np.ndarray, " n"] = 1 - covered.mean(axis=(1, 2))
    return seen


def colour_histogram(image: RGB) -> Float32[np.ndarray, " 128"]:
    """Colour histograms of the upper and the lower half of an (H, W, 3) crop, as one unit vector.

    Each half has a histogram of 4 x 4 x 4 colours, of which the square root is taken: the dot product of
    two vectors is the mean of the two halves' Bhattacharyya coefficients. It tells people apart over a few
    seconds of unchanged light.
    """
    height, width = image.shape[:2]
    middle = image[:, round(0.2 * width) : max(round(0.8 * width), round(0.2 * width) + 1)]
    halves = []
    for begin, end in ((0.12, 0.5), (0.5, 0.9)):
        part = (middle[round(begin * height) : round(end * height)] >> 6).astype(np.int32)
        index = (part[..., 0] * 16 + part[..., 1] * 4 + part[..., 2]).ravel()
        counts = np.bincount(index, minlength=64).astype(np.float32)
        halves.append(np.sqrt(counts / max(1, index.size)))
    both: Float32[np.ndarray, " 128"] = np.concatenate(halves) / np.float32(np.sqrt(2))
    return both


def _areas(boxes: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    areas: Float[np.ndarray, " n"] = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return areas
