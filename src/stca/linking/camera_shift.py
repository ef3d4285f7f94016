"""What vectors of one camera have in common: its light, colours and angle, not its people.

The mean vector of a camera's people differs from that of other cameras. Taken away, tracklets of two cameras
are compared by what tells their people apart; pairs within a camera keep their differences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64

FEW = 5
"""People whose mean is believed by a half: that of fewer is more them than their camera."""

_BLOCK = 1024


def without_camera_shift(
    cameras: Sequence[str] | Sequence[int], vectors: Float[np.ndarray, "N D"]
) -> Float32[np.ndarray, "N D"]:
    """Vectors less what their camera's mean has beyond the mean of all, n / (n + `FEW`) of it.

    n is the number of different people that a camera seems to have. Nobody knows who is who yet, so each
    tracklet weighs 1 / (the sum of its squared cosines with all of its camera, above 0, as seen from the mean
    of the cameras): m alike ones weigh about as much as one, and n is the sum of these weights. One camera
    alone is left as it is, and one whose share is larger than what tells its people apart is moved only in
    part: its people look like one.

    Args:
        cameras: N names or numbers.
        vectors: (N, D), of any length above 0.

    Returns:
        (N, D) of any length.

    """
    unit = _unit(np.asarray(vectors, np.float64))
    names, number = np.unique(np.asarray(cameras), return_inverse=True)
    if len(names) < 2:
        return unit.astype(np.float32)
    rows = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    middle = np.mean([unit[mine].mean(axis=0) for mine in rows], axis=0)
    weights = [_weights(_unit(unit[mine] - middle)) for mine in rows]
    people = np.array([weight.sum() for weight in weights])
    means = np.stack([weight @ unit[mine] / weight.sum() for weight, mine in zip(weights, rows, strict=True)])
    shifts = (people / (people + FEW))[:, None] * (means - people @ means / people.sum())
    for mine, shift in zip(rows, shifts, strict=True):
        unit[mine] -= shift
    found: Float32[np.ndarray, "N D"] = unit.astype(np.float32)
    return found


def _weights(unit: Float64[np.ndarray, "n D"]) -> Float64[np.ndarray, " n"]:
    """One divided by how many a tracklet stands beside that are like it, itself among them."""
    parts = [
        np.square((unit[start : start + _BLOCK] @ unit.T).clip(min=0)).sum(axis=1)
        for start in range(0, len(unit), _BLOCK)
    ]
    found: Float64[np.ndarray, " n"] = 1 / np.maximum(np.concatenate(parts), 1)  # 0 of the middle itself
    return found


def _unit(rows: Float64[np.ndarray, "n D"]) -> Float64[np.ndarray, "n D"]:
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    rows = rows / np.maximum(largest, 1e-300)  # squares may overflow
    found: Float64[np.ndarray, "n D"] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found
