"""Decoding a video from a place on, with the frames that were read last."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import Any

from stca.footage.clock import Clock
from stca.footage.video import DEFAULT_RATE, open_video
from stca.web.media.videos.seeking import SeekIndex, frames_from

_RECENT, _RECENT_BYTES = 32, 48 << 20
"""Decoded frames that a reader keeps, for requests that come out of order: at most, and their bytes."""


class Reader:
    """One place of a video that reading goes on from.

    Args:
        first: number of the first frame.
        frames: gives (time, PyAV's frame) from there on.

    """

    def __init__(self, first: int, frames: Generator[tuple[float, Any], None, None]) -> None:
        self.first = self.next = first
        self._frames = frames
        self._recent: deque[tuple[int, Any]] = deque()

    def step(self) -> tuple[float, Any] | None:
        """Read a frame; None at the end."""
        found = next(self._frames, None)
        if found is None:
            return None
        frame = found[1]
        self._recent.append((self.next, frame))
        self.next += 1
        fitting = max(2, _RECENT_BYTES // (2 * frame.width * frame.height))
        while len(self._recent) > min(_RECENT, fitting):
            self._recent.popleft()
        return found

    def kept(self, number: int) -> Any | None:
        """A frame that was read a moment ago."""
        return next((frame for place, frame in self._recent if place == number), None)

    def close(self) -> None:
        """Close the file."""
        self._recent.clear()
        self._frames.close()


def from_entry(path: Path, index: SeekIndex, entry: int) -> Generator[tuple[float, Any], None, None]:
    """(time, PyAV's frame) from frame number `entry` of an index on."""
    for number, frame in enumerate(frames_from(path, index, entry), start=entry):
        yield float(index.times[number - 1]), frame


def from_beginning(path: Path) -> Generator[tuple[float, Any], None, None]:
    """(time, PyAV's frame) in order, numbered and timed as `stca.footage.frames.video_frames` does."""
    with open_video(path) as video:
        rate = video.rate or DEFAULT_RATE
        if video.has_times:
            yield from Clock[Any](rate).times(video.decode())
        else:
            yield from ((k / rate, frame) for k, (_, frame) in enumerate(video.decode()))
