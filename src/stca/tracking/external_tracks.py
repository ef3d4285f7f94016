"""External tracks: a MOTChallenge file of another tracker, used instead of detecting and associating."""

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
from stca.tracking.track_builder import CropStore, Observation, Track

TrackedBoxes = tuple[Detections, Int64[np.ndarray, " n"]]


class ExternalTrackBuilder:
    """Collects the boxes of external tracks: nothing is joined, every track number is one track.

    Args:
        external: what `read_external_tracks` returns.
        store: receives every box.

    """

    def __init__(self, external: Mapping[int, TrackedBoxes], store: CropStore) -> None:
        self._store = store
        self._tracks: dict[int, Track] = {}
        self._ends = {number: frame for frame in sorted(external) for number in external[frame][1].tolist()}

    def update(
        self, frame: Frame, observations: list[Observation], numbers: Int64[np.ndarray, " n"]
    ) -> Iterator[Track]:
        """Add the boxes of a frame with their track numbers; yield the tracks that have no later row."""
        for observation, number in zip(observations, numbers.tolist(), strict=True):
            self._store.add(number, observation)
            self._tracks.setdefault(number, Track(number)).observations.append(observation)
        for number in [n for n in self._tracks if self._ends[n] <= frame.number]:
            yield self._tracks.pop(number)

    def close(self) -> Iterator[Track]:
        """Yield the remaining tracks: the video has ended before them."""
        while self._tracks:
            yield self._tracks.pop(min(self._tracks))


def read_external_tracks(path: Path) -> dict[int, TrackedBoxes]:
    """Boxes with their track numbers, by frame.

    Rows of other classes than pedestrian, rows with a confidence of 0 (ground truth: to be ignored) and
    second boxes of a track in one frame are skipped. A confidence below 0 means unknown, and becomes 1.

    Raises:
        DatasetError: the file cannot be read, or holds no tracks (numbers of -1 are detections).

    """
    file = read_mot(path)
    if file.broken:
        warnings.warn(
            f"{len(file.broken)} malformed rows are skipped, the first: {file.broken[0]}", stacklevel=2
        )
    rows: dict[int, dict[int, MotRow]] = defaultdict(dict)
    for row in file.rows:
        if row.confidence != 0 and row.class_id == PEDESTRIAN:
            rows[row.frame].setdefault(row.track, row)
    if not rows:
        raise DatasetError(
            "No row of a tracks file is of a person", expected="class 1, confidence not 0", where=path
        )
    return {frame: _tracked_boxes(by_track) for frame, by_track in rows.items()}


def with_external_tracks(
    frames: Iterable[Frame], external: Mapping[int, TrackedBoxes]
) -> Iterator[tuple[Frame, TrackedBoxes]]:
    """Every frame with its boxes and track numbers."""
    nobody = NOTHING, np.zeros(0, np.int64)
    for frame in frames:
        yield frame, external.get(frame.number, nobody)


def warn_unused_rows(external: Mapping[int, TrackedBoxes], end: int, *, every: int) -> None:
    """Warn of rows that belong to no processed frame.

    Args:
        external: what `read_external_tracks` returned.
        end: the last frame of the video that was processed.
        every: only every `every`-th frame was processed.

    """
    rows = {frame: len(numbers) for frame, (_, numbers) in external.items()}
    beyond = sum(count for frame, count in rows.items() if frame >= end + every)
    if beyond:
        warnings.warn(
            f"{beyond} of {sum(rows.values())} rows of the tracks are beyond the video's end (frame {end}); "
            "do they belong to this video?",
            stacklevel=2,
        )
    elif not any(frame <= end and (frame - 1) % every == 0 for frame in rows):
        warnings.warn("No row of the tracks belongs to a processed frame", stacklevel=2)


def _tracked_boxes(rows: Mapping[int, MotRow]) -> TrackedBoxes:
    boxes = [(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows.values()]
    confidences = np.array([r.confidence for r in rows.values()], np.float32)
    scores = np.where(confidences < 0, np.float32(1), confidences.clip(0, 1))
    return Detections(np.array(boxes, np.float32), scores), np.array(list(rows), np.int64)
