"""Boxes around people, in pixels, and the MOTChallenge files they come in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from stca.errors import DatasetError
from stca.footage.images import RGB
from stca.tools.files import write_text

PEDESTRIAN = 1
_LAST_FRAME, _TRACKS = 10**9, 2**63  # a year of a camera's recording, and 64 bits


@dataclass(frozen=True, slots=True)
class MotRow:
    """One box of one track in one frame.

    Args:
        frame: from 1.
        track: who, within one sequence.
        left, top, width, height: in pixels; may reach beyond the image.
        confidence: the detector's, or the consider flag of a ground truth (0: do not use).
        class_id: the class of MOT16 and later, 1 is a pedestrian; 1 where the file does not say.
        visibility: the visible part of the person, 0 to 1; 1 where the file does not say.

    """

    frame: int
    track: int
    left: float
    top: float
    width: float
    height: float
    confidence: float = 1.0
    class_id: int = PEDESTRIAN
    visibility: float = 1.0


@dataclass(frozen=True, slots=True)
class MotFile:
    """The rows of a file that could be read, in its order, and one `path:line: why` for every other."""

    rows: tuple[MotRow, ...]
    broken: tuple[str, ...]


def read_mot(path: Path) -> MotFile:
    """Read MOTChallenge rows: frame, track, left, top, width, height, confidence, ...

    Nine columns are MOT16 and later (the last two are class and visibility); with seven, eight, ten or
    more (MOT15 and trackers' results: world coordinates) only the first seven count. Empty lines are
    nothing.

    Raises:
        DatasetError: the file cannot be read, or no row of it can.

    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise DatasetError("Cannot read tracks", found=error.strerror, where=path) from error
    rows, broken = [], []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                rows.append(_parse(line))
            except ValueError as error:
                broken.append(f"{path}:{number}: {error}")
    if not rows:
        raise DatasetError(
            "No row of a tracks file can be read",
            expected="frame,track,left,top,width,height,confidence,class,visibility",
            found=broken[0] if broken else "an empty file",
            where=path,
        )
    return MotFile(tuple(rows), tuple(broken))


def _parse(line: str) -> MotRow:
    columns = line.split(",")
    if len(columns) < 7:
        raise ValueError(f"{len(columns)} columns instead of at least 7")
    count = 9 if len(columns) == 9 else 7
    try:
        values = [float(column) for column in columns[:count]]
    except ValueError:
        raise ValueError("a column that is no number") from None
    if not all(map(math.isfinite, values)):
        raise ValueError("a column that is not finite")
    frame, track, left, top, width, height, confidence = values[:7]
    if not 1 <= frame <= _LAST_FRAME or frame % 1:
        raise ValueError(f"frame {frame:g}, but frames are whole numbers from 1 to {_LAST_FRAME}")
    if not 0 <= track < _TRACKS or track % 1:
        raise ValueError(
            f"track {track:g}, but tracks are whole numbers from 0 below 2^63 (-1 marks detections)"
        )
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width:g} x {height:g} pixels")
    class_id, visibility = (int(values[7]), values[8]) if count == 9 else (PEDESTRIAN, 1.0)
    return MotRow(int(frame), int(track), left, top, width, height, confidence, class_id, visibility)


def write_mot(path: Path, rows: Iterable[MotRow]) -> None:
    """Write rows as MOT16 ground truth (nine columns, pixels to a hundredth), atomically."""
    write_text(path, "".join(map(mot_line, rows)))


def mot_line(row: MotRow) -> str:
    """One line of such a file, with its end."""
    box = f"{row.left:.2f},{row.top:.2f},{row.width:.2f},{row.height:.2f}"
    return f"{row.frame},{row.track},{box},{row.confidence:g},{row.class_id},{row.visibility:g}\n"


def crop(image: RGB, row: MotRow) -> UInt8[np.ndarray, "h w 3"]:
    """The part of the (H, W, 3) image inside the box, to whole pixels; empty where the box is outside."""
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
