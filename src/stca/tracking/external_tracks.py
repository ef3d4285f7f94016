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
from stca.footage.sources import Frame
from stca.tracking.detectors.detections import NOTHING, Detections
from stca.tracking.track_builder import Observation, Store, Track

Numbered = tuple[Detections, Int64[np.ndarray, " n"]]


class Cutting:
    """Collects the boxes of tracks that are finished already: nothing is joined, every number is one track.

    Args:
        given: what `read_given` returns.
        store: told of every box.

    """

    def __init__(self, given: Mapping[int, Numbered], store: Store) -> None:
        self._store = store
        self._tracks: dict[int, Track] = {}
        self._ends = {number: frame for frame in sorted(given) for number in given[frame][1].tolist()}

    def update(
        self, frame: Frame, seen: list[Observation], numbers: Int64[np.ndarray, " n"]
    ) -> Iterator[Track]:
        """Take the boxes of a frame with their tracks' numbers; give the tracks that have no later row."""
        for observation, number in zip(seen, numbers.tolist(), strict=True):
            self._store.add(number, observation)
            self._tracks.setdefault(number, Track(number)).seen.append(observation)
        for number in [n for n in self._tracks if self._ends[n] <= frame.number]:
            yield self._tracks.pop(number)

    def close(self) -> Iterator[Track]:
        """Give the rest: the video ended before its tracks."""
        while self._tracks:
            yield self._tracks.pop(min(self._tracks))


def read_given(path: Path) -> dict[int, Numbered]:
    """Boxes with the numbers of their tracks, by frame.

    Rows that are not of a pedestrian or not to be considered (confidence 0) are left out, and second boxes
    of a track in one frame. A confidence below 0 is that of a tracker that knows none, and becomes 1.

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


def tell_unused(given: Mapping[int, Numbered], end: int, *, every: int) -> None:
    """Warn of rows that were of no use.

    Args:
        given: what `read_given` returned.
        end: the video's last frame that was looked at.
        every: only every so many-th was.

    """
    rows = {frame: len(numbers) for frame, (_, numbers) in given.items()}
    beyond = sum(count for frame, count in rows.items() if frame >= end + every)
    if beyond:
        warnings.warn(
            f"{beyond} of {sum(rows.values())} rows of the tracks are beyond the video's end (frame {end}); "
            "are they of this video?",
            stacklevel=2,
        )
    elif not any(frame <= end and (frame - 1) % every == 0 for frame in rows):
        warnings.warn("No row of the tracks is of a frame that was looked at", stacklevel=2)


def _numbered(rows: Mapping[int, MotRow]) -> Numbered:
    boxes = [(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows.values()]
    told = np.array([r.confidence for r in rows.values()], np.float32)
    scores = np.where(told < 0, np.float32(1), told.clip(0, 1))
    return Detections(np.array(boxes, np.float32), scores), np.array(list(rows), np.int64)
