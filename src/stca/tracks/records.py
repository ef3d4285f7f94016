"""The side file of a tracklet's folder: the tracklet's metadata and one record per crop."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stca.errors import DatasetError
from stca.tools.files import write_text

SIDE_FILE = "tracklet.json"
MAX_SECONDS = 1e11
"""Largest accepted absolute time: as POSIX seconds it is the year 5138."""


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One crop of a tracklet.

    Args:
        frame: its number in the video, from 1.
        time: seconds since the video's beginning, or POSIX seconds where the video's start is known.
        box: left, top, width, height, in pixels of the video; may reach beyond the image.
        score: the detector's.
        file: the crop's name within the tracklet's folder.
        quality: from 0 (bad) to 1, by name: sharpness, size, inside, visible.
        use: whether the quality suffices for embedding.

    Raises:
        DatasetError: a value out of its range.

    """

    frame: int
    time: float
    box: tuple[float, float, float, float]
    score: float
    file: str
    quality: dict[str, float]
    use: bool

    def __post_init__(self) -> None:
        numbers = (self.time, *self.box, self.score, *self.quality.values())
        checks = {
            "a frame number from 1": self.frame >= 1,
            "finite numbers": all(map(math.isfinite, numbers)),
            f"a time within {MAX_SECONDS:.0e} seconds": abs(self.time) <= MAX_SECONDS,
            "a box with a width and a height above 0": self.box[2] > 0 and self.box[3] > 0,
            "qualities between 0 and 1": all(0 <= value <= 1 for value in self.quality.values()),
            "a file's name without folders": _is_name(self.file),
        }
        _demand(checks, "Invalid frame of a tracklet", self)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """One tracklet: the crops of one person, tracked in one camera's video.

    Args:
        camera: its name.
        track: the track number within that camera.
        video: the source's name.
        frame_rate: frames a second.
        start: when the video began, POSIX seconds; None where unknown.
        detector: name of the detector, or of the external tracks file.
        person: the person's id where it is known (ground truth), else None.
        frames: in order; at least one.

    Raises:
        DatasetError: a value out of its range, no frames, or frames out of order.

    """

    camera: str
    track: int
    video: str
    frame_rate: float
    start: float | None
    detector: str
    person: int | None
    frames: tuple[FrameRecord, ...]

    def __post_init__(self) -> None:
        numbers = [record.frame for record in self.frames]
        checks = {
            "a camera's name without slashes": _is_name(self.camera),
            "a track number from 0": self.track >= 0,
            "a frame rate above 0": math.isfinite(self.frame_rate) and self.frame_rate > 0,
            f"a finite start within {MAX_SECONDS:.0e} seconds": self.start is None
            or abs(self.start) <= MAX_SECONDS,
            "at least one frame": bool(numbers),
            "frames in ascending order": all(a < b for a, b in itertools.pairwise(numbers)),
        }
        _demand(checks, "Invalid tracklet", f"{self.camera}/{self.track}")

    @property
    def first(self) -> float:
        """Time of the first frame in seconds, as `FrameRecord.time`."""
        return self.frames[0].time

    @property
    def last(self) -> float:
        """Time of the last frame in seconds, as `FrameRecord.time`."""
        return self.frames[-1].time

    def __len__(self) -> int:
        return len(self.frames)


def write_track(folder: Path, record: TrackRecord) -> None:
    """Write the side file of a tracklet's folder, atomically; one line per frame."""
    head = {name: value for name, value in _shallow(record).items() if name != "frames"}
    frames = ",\n".join(json.dumps(_shallow(frame), ensure_ascii=False) for frame in record.frames)
    text = json.dumps(head, ensure_ascii=False)[:-1]
    write_text(folder / SIDE_FILE, f'{text},\n"frames": [\n{frames}\n]}}\n')


def read_track(folder: Path) -> TrackRecord | None:
    """Read the side file of a tracklet's folder; None where it has none.

    Raises:
        DatasetError: the side file cannot be read, or is not what `write_track` writes.

    """
    path = folder / SIDE_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("Cannot read a tracklet's side file", found=error, where=path) from error
    try:
        return _record(json.loads(text))
    except KeyError as error:
        raise DatasetError("A tracklet's side file lacks an entry", expected=error, where=path) from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, DatasetError) as error:
        raise DatasetError(
            "A tracklet's side file is damaged",
            expected="the format that `stca track` writes",
            found=error,
            where=path,
        ) from error


def _shallow(record: FrameRecord | TrackRecord) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}  # asdict copies everything


def _record(data: Any) -> TrackRecord:
    return TrackRecord(
        camera=_text(data["camera"]),
        track=_whole(data["track"]),
        video=_text(data["video"]),
        frame_rate=float(data["frame_rate"]),
        start=None if data["start"] is None else float(data["start"]),
        detector=_text(data["detector"]),
        person=None if data["person"] is None else _whole(data["person"]),
        frames=tuple(_frame(frame) for frame in data["frames"]),
    )


def _frame(data: Any) -> FrameRecord:
    left, top, width, height = map(float, data["box"])
    if not isinstance(data["use"], bool):
        raise TypeError(f"use is true or false, not {data['use']!r}")
    return FrameRecord(
        frame=_whole(data["frame"]),
        time=float(data["time"]),
        box=(left, top, width, height),
        score=float(data["score"]),
        file=_text(data["file"]),
        quality={_text(name): float(value) for name, value in data["quality"].items()},
        use=data["use"],
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number is needed, not {value!r}")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"a whole number of 64 bits is needed, not {value}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is needed, not {value!r}")
    value.encode()  # JSON can hold lone surrogates, which neither a file name nor SQLite accepts
    return value


def _is_name(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not set("/\\\0") & set(name)


def _demand(checks: dict[str, bool], what: str, found: object) -> None:
    for expected, holds in checks.items():
        if not holds:
            raise DatasetError(what, expected=expected, found=found)
