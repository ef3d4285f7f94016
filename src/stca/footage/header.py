"""Frame rate and frame count from a video's header and index, checked; whether the file is complete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

WITHOUT_TIMES = frozenset(
    [
        *("h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "vc1"),
        *("mjpeg", "mjpeg_2000", "mpjpeg", "jpeg_pipe"),
    ]
)
"""FFmpeg's formats that have no time stamps: it invents them, at 25 frames a second."""

LEAST_RATE, MOST_RATE = 0.1, 1000.0
"""Frames a second that a stream's own timing information is believed."""

_ANOTHER = 1.15  # the measured rate is another one than the header's from this factor on
_ALIKE = 1.1
_NEAR = 1.5
_LEAST_STEPS = 4
_SLACK = 16  # bytes by which writers get the size of a RIFF wrong


def has_times(container: Any) -> bool:
    """Whether a container has time stamps of its own."""
    return container.format.name not in WITHOUT_TIMES


def stated_rate(stream: Any) -> float | None:
    """Frames a second by the coded stream itself (H.264: VUI, H.265: VPS or VUI); None where it is silent."""
    rate = float(stream.codec_context.framerate or 0)
    return rate if LEAST_RATE <= rate <= MOST_RATE else None


def usual_rate(stream: Any, stamps: Sequence[float]) -> float | None:
    """Frames a second between neighbouring frames, for a container with time stamps.

    This is the header's average, unless the first frames say something else: an average over a pause, over
    a wrong time stamp or by a wrong count is none.

    Args:
        stream: PyAV's.
        stamps: of its first packets, in seconds, in any order.

    Returns:
        None where the header says nothing and there are too few frames to measure.

    """
    stated = [float(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    stated += [rate] if (rate := stated_rate(stream)) else []
    measured = _measured(stamps)
    if measured is None or (stated and 1 / _ANOTHER < stated[0] / measured < _ANOTHER):
        return stated[0] if stated else None
    nearest = min(stated, key=lambda rate: abs(np.log(rate / measured)), default=measured)
    return nearest if 1 / _ALIKE < nearest / measured < _ALIKE else measured


def _measured(stamps: Sequence[float]) -> float | None:
    """By the usual step: the mean of those that are near the median."""
    steps = np.diff(np.unique(np.asarray(stamps, np.float64)))
    if len(steps) < _LEAST_STEPS:
        return None
    median = float(np.median(steps))
    usual = steps[(steps > median / _NEAR) & (steps < median * _NEAR)]
    return float(1 / usual.mean())


def count_frames(container: Any, stream: Any, path: Path | None) -> tuple[int | None, bool | None]:
    """How many frames there should be, and whether the file ends before its last one.

    In an MP4 that is the number of entries of the index that are shown (a cut without re-encoding hides
    those before it). An AVI's header is often wrong: where the file is whole, its index counts.

    Args:
        container: PyAV's, as opened, before anything else is read.
        stream: of it.
        path: of a file; None for an address.

    Returns:
        the number (None where it is not stated), and True where the file is cut off, False where it is whole
        as far as that can be seen, None where only the number can tell.

    """
    names = container.format.name.split(",")
    index = stream.index_entries
    stated = stream.frames or None
    if "mov" in names and stated and len(index):
        last = index[len(index) - 1]
        cut = 0 < container.size < last.pos + last.size
        return sum(not index[i].is_discard for i in range(len(index))), cut
    if "avi" in names:
        if path is None:
            return stated, None
        whole, indexed = _avi_structure(path)
        if whole:
            return (len(index) if indexed and len(index) else stated), False
        return stated, True
    return stated, False


def _avi_structure(path: Path) -> tuple[bool, bool]:
    """Whether all RIFF chunks of an AVI end within the file, and whether it has an index.

    That is an `idx1` chunk, or OpenDML's, which is there where there are several RIFF chunks.
    """
    size, indexed, place = path.stat().st_size, False, 0
    with path.open("rb") as file:
        while place + 12 <= size:
            file.seek(place)
            head = file.read(12)
            if head[:4] != b"RIFF":
                break
            end = place + 8 + int.from_bytes(head[4:8], "little")
            if end > size + _SLACK:
                return False, indexed
            inner = place + 12
            indexed |= place > 0
            while inner + 8 <= end:
                file.seek(inner)
                chunk = file.read(8)
                indexed |= chunk[:4] == b"idx1"
                inner += 8 + int.from_bytes(chunk[4:], "little")
                inner += inner % 2
            place = end + end % 2
    return True, indexed
