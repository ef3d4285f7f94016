"""Polygons in the image: zones whose visits are counted, and masks where nothing is detected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from stca.errors import ConfigError
from stca.footage.images import RGB
from stca.tracking.detectors.detections import Detections, Detector

MASKED = 0.5
"""A box with a larger part than this inside masks is dropped."""

_GREY = (114, 114, 114)  # what a masked region shows to the detector
_GRID = 8  # points across and down a box at which its masked part is counted


@dataclass(frozen=True, slots=True)
class Region:
    """A polygon.

    Args:
        points: at least three corners (x, y), in pixels of the video.
        name: of a zone; empty for a mask.

    Raises:
        ConfigError: fewer corners, corners that are not finite, or no area.

    """

    points: tuple[tuple[float, float], ...]
    name: str = ""

    def __post_init__(self) -> None:
        finite = all(math.isfinite(side) for point in self.points for side in point)
        if len(self.points) < 3 or not finite or self._area() == 0:
            raise ConfigError(
                "A region is a polygon",
                expected="at least three corners x,y in pixels, not all on one line",
                found=", ".join(f"{x:g},{y:g}" for x, y in self.points),
            )

    def contains(self, points: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
        """Which points (x, y) are inside, by counting the sides that a ray to the right crosses."""
        inside = np.zeros(len(points), bool)
        x, y = points[:, 0], points[:, 1]
        for (ax, ay), (bx, by) in zip(self.points, self.points[1:] + self.points[:1], strict=True):
            if ay != by:
                crosses = (ay > y) != (by > y)
                inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay))
        return inside

    def _area(self) -> float:
        sides = zip(self.points, self.points[1:] + self.points[:1], strict=True)
        return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in sides)) / 2


class MaskedDetector:
    """A detector that does not see masked regions: they are painted grey, and boxes in them are dropped."""

    def __init__(self, detector: Detector, masks: Sequence[Region]) -> None:
        self.name, self.stateful = detector.name, detector.stateful
        self._detector, self._masks = detector, masks

    def detect(self, image: RGB) -> Detections:
        """Find the people in one (H, W, 3) uint8 RGB image outside the masks."""
        import cv2

        painted = image.copy()
        cv2.fillPoly(painted, [np.array(mask.points).round().astype(np.int32) for mask in self._masks], _GREY)
        return without_masked(self._detector.detect(painted), self._masks)


def without_masked(found: Detections, masks: Sequence[Region]) -> Detections:
    """The boxes of which at most half lies inside masks."""
    keep = ~is_masked(found.boxes.astype(float), masks)
    return Detections(found.boxes[keep], found.scores[keep])


def is_masked(boxes: Float[np.ndarray, "n 4"], masks: Sequence[Region]) -> Bool[np.ndarray, " n"]:
    """Whether more than half of every box (left, top, right, bottom) lies inside masks."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x = boxes[:, 0, None] + steps * (boxes[:, 2] - boxes[:, 0])[:, None]
    y = boxes[:, 1, None] + steps * (boxes[:, 3] - boxes[:, 1])[:, None]
    shape = len(boxes), _GRID, _GRID
    points = np.stack([np.broadcast_to(x[:, None], shape), np.broadcast_to(y[:, :, None], shape)], axis=-1)
    covered = np.zeros(len(boxes) * _GRID * _GRID, bool)
    for mask in masks:
        covered |= mask.contains(points.reshape(-1, 2))
    masked: Bool[np.ndarray, " n"] = covered.reshape(len(boxes), _GRID * _GRID).mean(axis=1) > MASKED
    return masked
