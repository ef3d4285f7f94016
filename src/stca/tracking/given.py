"""Tracks that somebody else made, instead of detecting and associating: a MOTChallenge file."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from stca.boxes import PEDESTRIAN, MotRow, read_mot
from stca.errors import DatasetError
from stca.sources import Frame
from stca.tracking.detections import NOTHING, Detections

Numbered = tuple[Detections, Int64[np.ndarray, " n"]]


def read_given(path: Path) -> dict[int, Numbered]:
    """Boxes with the numbers of their tracks, by frame.

    Rows that are not of a pedestrian or not to be considered (confidence 0) are left out, and second boxes
    of a track in one frame.

    Raises:
        DatasetError: the file cannot be read, or holds no tracks (numbers of -1 are detections).

    """
    file = read_mot(path)
    if file.broken:
        warnings.warn(
            f"{len(file.broken)} broken rows are left out, the first: {file.broken[0]}", stacklevel=2
        )
    rows: dict[int, dict[int, MotRow]] = defaultdict(dict)
    for row in file.rows:
        if row.confidence != 0 and row.kind == PEDESTRIAN:
            rows[row.frame].setdefault(row.track, row)
    if not rows:
        raise DatasetError(
            "No row of a tracks file is of a person", expected="class 1, confidence not 0", where=path
        )
    return {frame: _numbered(by_track) for frame, by_track in rows.items()}


def with_given(frames: Iterable[Frame], given: Mapping[int, Numbered]) -> Iterator[tuple[Frame, Numbered]]:
    """Every frame with its boxes and numbers."""
    nobody = NOTHING, np.zeros(0, np.int64)
    for frame in frames:
        yield frame, given.get(frame.number, nobody)


def _numbered(rows: Mapping[int, MotRow]) -> Numbered:
    boxes = [(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows.values()]
    scores = np.array([r.confidence for r in rows.values()], np.float32).clip(0, 1)
    return Detections(np.array(boxes, np.float32), scores), np.array(list(rows), np.int64)
