"""External tracks: a file of another tracker, used instead of detecting and associating."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from stca.boxes import PEDESTRIAN, MotFile, MotRow, read_mot
from stca.errors import ConfigError, DatasetError
from stca.footage.sources import Frame
from stca.tracking.detectors.detections import NOTHING, Detections
from stca.tracking.observations import CropStore, Observation, Track

TrackedBoxes = tuple[Detections, Int64[np.ndarray, " n"]]

_MIN_ROWS_FOR_CORNERS = 10  # rows that must all look like corners before a warning says so


@dataclass(frozen=True, slots=True)
class ExternalTracks:
    """The usable boxes of a track file.

    Args:
        boxes: boxes with their track numbers, by frame from 1.
        description: what the file was taken for, in one line.

    """

    boxes: Mapping[int, TrackedBoxes]
    description: str


class ExternalTrackBuilder:
    """Collects the boxes of external tracks: nothing is joined, every track number is one track.

    Args:
        external: `ExternalTracks.boxes`.
        store: receives every box.

    """

    def __init__(self, external: Mapping[int, TrackedBoxes], store: CropStore) -> None:
        self._store = store
        self._tracks: dict[int, Track] = {}
        self._ends = {number: frame for frame in sorted(external) for number in external[frame][1].tolist()}

    @property
    def oldest(self) -> int:
        """The first frame of the tracks that have not ended."""
        return min((track.observations[0].frame for track in self._tracks.values()), default=2**62)

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


def read_external_tracks(
    path: Path, *, first_frame: int | None = None, num_frames: int | None = None
) -> ExternalTracks:
    """Read the boxes of a track file.

    Rows of other classes than person, rows with a confidence of 0 (ground truth: to be ignored) and second
    boxes of a track in one frame are skipped. A confidence below 0 means unknown, and becomes 1.

    Args:
        path: the file, see `stca.boxes.read_mot`.
        first_frame: 0 or 1, what the file calls the video's first frame; default: told from the file.
        num_frames: length of the video, if known: a row of that frame shows that frames count from 1.

    Raises:
        ConfigError: `first_frame` is needed, because the file does not show it.
        DatasetError: the file cannot be read, holds no tracks (track numbers of -1 are detections), no
            persons, or boxes that are not in pixels.

    """
    file = read_mot(path, first_frame=first_frame)
    _require_first_frame(file, path, num_frames)
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
            "No row of a tracks file is of a person",
            expected="class 1 (or the person class of the file's format), confidence not 0",
            found=f"{len(file.rows)} rows of other objects; read as {file.layout}",
            where=path,
        )
    _check_pixels(file, path)
    boxes = {frame: _tracked_boxes(by_track) for frame, by_track in rows.items()}
    return ExternalTracks(boxes, _description(file, sum(len(numbers) for _, numbers in boxes.values())))


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
        external: `ExternalTracks.boxes`.
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


def _require_first_frame(file: MotFile, path: Path, num_frames: int | None) -> None:
    last = max(row.frame for row in file.rows)
    if file.frames_known or last == num_frames:
        return
    first = min(row.frame for row in file.rows)
    of = f", of a video with {num_frames} frames" if num_frames else ""
    raise ConfigError(
        "A tracks file does not show whether its frames are counted from 0 or from 1",
        expected="a row of frame 0 or 1, or of the video's last frame",
        found=f"rows of frames {first} to {last}{of}",
        where=path,
        hint="--first-frame 1 if the video's first frame is 1 (as in MOTChallenge), else --first-frame 0",
    )


def _check_pixels(file: MotFile, path: Path) -> None:
    if all(row.width <= 1.5 and row.height <= 1.5 for row in file.rows):
        raise DatasetError(
            "The boxes of a tracks file are not in pixels",
            expected="left, top, width and height in pixels",
            found="no box larger than 1.5 x 1.5; are they fractions of the frame?",
            where=path,
            hint="multiply left and width by the frame's width, top and height by its height",
        )
    looks_like_corners = all(row.width > row.left and row.height > row.top for row in file.rows)
    if (
        len(file.rows) >= _MIN_ROWS_FOR_CORNERS
        and looks_like_corners
        and "KITTI" not in file.layout
        and "header" not in file.layout
    ):
        warnings.warn(
            f"{path}: every box is wider than its distance from the left edge and higher than its distance "
            "from the top; if the columns are left, top, right, bottom, say so by a header line "
            "(frame,id,x1,y1,x2,y2)",
            stacklevel=3,
        )


def _description(file: MotFile, used: int) -> str:
    return f"{file.layout}; frames counted from {file.first_frame}; {used} of {len(file.rows)} rows used"


def _tracked_boxes(rows: Mapping[int, MotRow]) -> TrackedBoxes:
    boxes = [(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows.values()]
    confidences = np.array([r.confidence for r in rows.values()], np.float32)
    scores = np.where(confidences < 0, np.float32(1), confidences.clip(0, 1))
    return Detections(np.array(boxes, np.float32), scores), np.array(list(rows), np.int64)
