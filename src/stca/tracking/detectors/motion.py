"""A person detector without weights, for fixed cameras: background subtraction and a model of perspective.

1. Background subtraction (mixture of Gaussians, OpenCV) on a small colour copy of the image. Shadows are
   recognised by their colour and removed; holes in the mask are closed.
2. Connected components of the mask become blobs. The height of a person at each image row is learned from
   blobs with the shape of a person: for people on a plane and a camera without roll, height is a linear
   function of the row of the feet.
3. Blobs near each other that together are no larger than a person are merged. A blob of the size of a person
   is one person. A larger one is a group; its area gives the number of people. Its pixels are divided by
   k-means, with distances in widths and heights of a person, and each part is extended to a full person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from stca.errors import StcaError
from stca.footage.images import RGB
from stca.tracking.detectors.detections import NOTHING, Detections

_WORK_WIDTH = 384  # pixels, width of the small copy
_ASPECT = 0.38  # width / height of a walking person
_SETTLING = 2.5  # the n-th frame has the learning rate 1 / (2.5 n) at the beginning
_STEEPEST = 1.6  # pixels of height per image row; reached by a camera at eye level
_NEAR = 0.12  # relative deviation of height allowed for a full person
_LEAST = 10  # pixels of the small copy; blobs of less height are noise


@dataclass(frozen=True, slots=True)
class Blob:
    """A connected component of the mask, in pixels of the small copy; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int
    area: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom

    def joined(self, other: Blob) -> Blob:
        """The union of both blobs."""
        return Blob(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
            self.area + other.area,
        )


@dataclass(slots=True)
class Perspective:
    """Height of a person as a function of the row of the feet, learned from single people.

    Args:
        capacity: number of recent samples that are used.
        fill: fraction of a person's box that moves; updated with the samples.

    """

    capacity: int = 600
    fill: float = 0.6
    _samples: list[tuple[float, float, float]] = field(default_factory=list)
    _line: tuple[float, float] | None = None
    _seen: int = 0

    def learn(self, bottom: float, height: float, area: float) -> None:
        """Add a sample: row of the feet, height and number of moving pixels of a person."""
        if len(self._samples) < self.capacity:
            self._samples.append((bottom, height, area))
        else:
            self._samples[self._seen % self.capacity] = bottom, height, area
        self._seen += 1
        if self._seen >= 30 and self._seen % (20 if self._seen < 200 else 100) == 0:
            samples = np.array(self._samples, np.float64)
            self._line = _robust_line(samples)
            self.fill = _fill(samples, self._line)

    def height(self, bottom: float) -> float | None:
        """Height of a person whose feet are at row `bottom`; None until there are enough samples."""
        if self._line is None:
            return None
        slope, offset = self._line
        return max(slope * bottom + offset, float(_LEAST))

    def height_below(self, top: float) -> float:
        """Height of a person whose head is at row `top`."""
        slope, offset = self._line or (0.0, float(_LEAST))
        return max((slope * top + offset) / max(1 - slope, 0.3), float(_LEAST))


def _fill(samples: Float64[np.ndarray, "n 3"], line: tuple[float, float]) -> float:
    """Median fraction of a person's box that moves."""
    height = np.maximum(line[0] * samples[:, 0] + line[1], _LEAST)
    near = np.abs(samples[:, 1] / height - 1) < 0.25
    return float(np.median(samples[near, 2] / (_ASPECT * height[near] ** 2))) if near.any() else 0.6


def _robust_line(samples: Float64[np.ndarray, "n 3"]) -> tuple[float, float]:
    """Slope and offset of height over row, by consensus: the line with most samples near it.

    Full people lie on the line; parts of people lie below it and merged people above, at arbitrary heights.
    Samples are weighted by the square of their height, since noise and parts are low. The line is then
    refined by least squares over the samples near it.
    """
    rows, heights = samples[:, 0], samples[:, 1]
    slopes = np.linspace(0, _STEEPEST, 25)
    rest = heights - slopes[:, None] * rows  # (slopes, n)
    offsets = np.quantile(rest, np.linspace(0.05, 0.95, 25), axis=1).T  # (slopes, offsets)
    near = np.abs(rest[:, None] - offsets[:, :, None]) < _NEAR * heights
    votes = (near * heights**2).sum(axis=2)
    slope, offset = (float(grid.flat[votes.argmax()]) for grid in (np.repeat(slopes, 25), offsets))
    for _ in range(3):
        off = (heights - slope * rows - offset) / np.maximum(heights, 1)
        weight = heights**2 / (1 + (off / _NEAR) ** 4)
        row, height = np.average(rows, weights=weight), np.average(heights, weights=weight)
        spread = np.average((rows - row) ** 2, weights=weight) + 4.0
        slope = float(np.average((rows - row) * (heights - height), weights=weight) / spread)
        slope = min(max(slope, 0.0), _STEEPEST)
        offset = float(height - slope * row)
    return slope, offset


class MotionDetector:
    """Finds people by their motion, in images of one fixed camera, in order.

    Args:
        history: number of frames after which something that does not move is background.

    Raises:
        StcaError: OpenCV is not installed.

    """

    name = "motion"
    stateful = True

    def __init__(self, *, history: int = 500) -> None:
        self._history = history
        self._shape: tuple[int, ...] | None = None
        self._seen = 0

    def detect(self, image: RGB) -> Detections:
        """Find the people in the next (H, W, 3) uint8 RGB image; a change of size resets the background."""
        if self._shape != image.shape:
            self._shape, self._seen = image.shape, 0
            self._subtractor, self._perspective = _subtractor(self._history), Perspective()
        mask = self._moving(image)
        found = [person for blob in self._blobs(mask) for person in self._persons(mask, blob)]
        if not found:
            return NOTHING
        rows = np.array(found, np.float32)
        return Detections(rows[:, :4] * (image.shape[1] / mask.shape[1]), rows[:, 4])

    def _moving(self, image: RGB) -> UInt8[np.ndarray, "h w"]:
        """Mask of the small copy: 1 where something moves and is not a shadow."""
        import cv2

        height = max(1, round(image.shape[0] * _WORK_WIDTH / image.shape[1]))
        small = cv2.resize(image, (_WORK_WIDTH, height), interpolation=cv2.INTER_AREA)
        self._seen += 1
        rate = 1 / min(_SETTLING * self._seen, self._history)
        mask = (self._subtractor.apply(small, learningRate=rate) == 255).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        closed: UInt8[np.ndarray, "h w"] = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
        return closed

    def _blobs(self, mask: UInt8[np.ndarray, "h w"]) -> list[Blob]:
        """Connected components, merged where they make up one person; updates the perspective."""
        import cv2

        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        pieces = [
            Blob(int(x), int(y), int(x + w), int(y + h), int(area))
            for x, y, w, h, area in stats[1:]
            if area >= 12
        ]
        blobs = self._merge(pieces)
        for blob in blobs:
            inside = (
                blob.left > 0 and blob.top > 0 and blob.right < mask.shape[1] and blob.bottom < mask.shape[0]
            )
            shaped = 0.22 < blob.width / blob.height < 0.6 and blob.area > 0.4 * blob.width * blob.height
            if inside and shaped and blob.height >= _LEAST:
                self._perspective.learn(blob.bottom, blob.height, blob.area)
        return blobs

    def _merge(self, blobs: list[Blob]) -> list[Blob]:
        """Merge blobs, largest first, while two together are no larger than a person."""
        merged: list[Blob] = []
        rest = sorted(blobs, key=lambda blob: -blob.area)
        while rest:
            blob = rest.pop(0)
            while (other := next((o for o in rest if self._one_person(blob, o)), None)) is not None:
                rest.remove(other)
                blob = blob.joined(other)
            merged.append(blob)
        return merged

    def _one_person(self, blob: Blob, other: Blob) -> bool:
        both = blob.joined(other)
        height = 1.15 * (self._perspective.height(both.bottom) or 1.3 * max(blob.height, other.height))
        shared = min(blob.right, other.right) - max(blob.left, other.left)
        return (
            both.height <= height
            and both.width <= 1.3 * _ASPECT * height
            and shared >= -0.1 * _ASPECT * height
        )

    def _persons(self, mask: UInt8[np.ndarray, "h w"], blob: Blob) -> list[tuple[float, ...]]:
        """Left, top, right, bottom and score of each person in a blob."""
        height = self._perspective.height(blob.bottom)
        if blob.height < _LEAST:
            return []
        if height is None:  # perspective not learned yet: accept only shapes of one person
            return [(*blob.box, 0.7)] if 0.2 < blob.width / blob.height < 0.9 else []
        if blob.height < 0.45 * height:
            return []
        count = self._count(blob, height)
        if count == 1:
            return [(*blob.box, min(1.0, 0.5 + 0.5 * blob.height / height))]
        return self._split(mask, blob, count)

    def _count(self, blob: Blob, height: float) -> int:
        width = _ASPECT * height
        if blob.height <= 1.3 * height and blob.width <= 1.7 * width:
            return 1
        by_area = round(blob.area / (self._perspective.fill * width * height))
        return min(max(by_area, 2), 8)

    def _split(self, mask: UInt8[np.ndarray, "h w"], blob: Blob, count: int) -> list[tuple[float, ...]]:
        """Divide a group by k-means of its pixels, with distances in widths and heights of a person."""
        y, x = np.nonzero(mask[blob.top : blob.bottom, blob.left : blob.right])
        height = float(self._perspective.height(blob.bottom) or blob.height)
        points = np.stack([(x + 0.5) / (_ASPECT * height), (y + 0.5) / height], axis=1)
        nearest = _cluster(points, count)
        persons = []
        for k in range(count):
            mine = nearest == k
            if mine.sum() < 0.15 * _ASPECT * height**2:
                continue
            left, right = np.percentile(x[mine], (2, 98)) + blob.left
            top, bottom = np.percentile(y[mine], (1, 99)) + blob.top
            persons.append(self._completed(left, top, right + 1, bottom + 1))
        return persons

    def _completed(self, left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
        """Extend a part of a group to a full person; if the feet are hidden, the head gives the height."""
        height = self._perspective.height(bottom) or bottom - top
        score = min(1.0, 0.4 + 0.5 * (bottom - top) / height)
        if bottom - top < 0.8 * height:
            bottom = top + self._perspective.height_below(top)
        middle, half = (left + right) / 2, max(right - left, 0.8 * _ASPECT * height) / 2
        return middle - half, top, middle + half, bottom, score


def _cluster(points: Float64[np.ndarray, "n 2"], count: int) -> Int64[np.ndarray, " n"]:
    """k-means with deterministic initial centres, spread evenly along the longer side."""
    longer = int(np.ptp(points[:, 1]) > np.ptp(points[:, 0]))
    ranks = np.quantile(points[:, longer], (np.arange(count) + 0.5) / count)
    nearest: Int64[np.ndarray, " n"] = np.abs(points[:, longer, None] - ranks).argmin(axis=1)
    for _ in range(8):
        sizes = np.maximum(np.bincount(nearest, minlength=count), 1)
        centres = np.stack([np.bincount(nearest, points[:, i], count) / sizes for i in (0, 1)], axis=1)
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return nearest


def _subtractor(history: int) -> Any:
    try:
        import cv2
    except ImportError as error:
        raise StcaError(
            "The motion detector needs OpenCV", found=error, hint="pip install 'stca[video]'"
        ) from error
    return cv2.createBackgroundSubtractorMOG2(history=history, varThreshold=16, detectShadows=True)
