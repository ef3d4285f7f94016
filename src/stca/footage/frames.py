"""Frames with times, the sources they come from, and how FFmpeg's are decoded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from stca.errors import FrameError
from stca.footage.images import RGB
from stca.footage.video import import_av, open_container, video_stream, without_password

DEFAULT_RATE = 25.0
"""Frames a second where a source does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a source.

    Args:
        number: from 1.
        time: seconds since the first frame.
        image: (H, W, 3) uint8, RGB; H and W are those of the first frame.

    """

    number: int
    time: float
    image: RGB


@dataclass(frozen=True, slots=True)
class Source:
    """A place frames come from.

    Args:
        name: of the file, the folder, or the address without user and password.
        camera: a name for the camera that was taken from it.
        frame_rate: frames a second.
        num_frames: None where it does not say, or where it has no end.
        live: whether it is a camera that goes on for ever.
        identity: changes when the file does: bytes and time of the last change.
        frames: reads it from the beginning.

    """

    name: str
    camera: str
    frame_rate: float
    num_frames: int | None
    live: bool
    identity: tuple[int, ...]
    frames: Callable[[], Iterator[Frame]]


def rate_of(stream: Any) -> float:
    """Frames a second, as the stream says, or 25."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else DEFAULT_RATE


def read_file(
    place: Path | str, *, rate: float, count: int | None, times_by_rate: bool = False
) -> Iterator[Frame]:
    """The frames of a file, or of an address that has an end.

    Args:
        place: where.
        rate: frames a second.
        count: how many there should be; None where nobody says.
        times_by_rate: whether the rate decides the times, and not the file.

    Raises:
        FrameError: there is none that can be read.

    """
    shown = without_password(place)
    number, begin, last, problem = 0, 0.0, 0.0, None
    with open_container(place) as container:
        pictures = Pictures(container, place)
        for number, (told, image) in enumerate(pictures, start=1):
            if number == 1:
                begin, now = told or 0.0, 0.0
            else:
                now = (number - 1) / rate if told is None or times_by_rate else told - begin
                now = now if now > last else last + 1 / rate
            last = now
            yield Frame(number, now, image)
        problem = pictures.problem
    if count is not None and number < 0.9 * count - 2:
        problem = f"it ends early{f' ({problem})' if problem else ''}"
    if not number:
        raise FrameError("No frame of a video can be read", found=problem or "it has none", where=shown)
    if problem is not None:
        of = f" of {count}" if count else ""
        warnings.warn(
            f"{shown}: {problem}; the {number}{of} frames that could be read are used", stacklevel=2
        )


class Pictures:
    """(seconds or None, image) of what can be decoded; `problem` says afterwards what could not."""

    def __init__(self, container: Any, place: Path | str) -> None:
        self.problem: str | None = None
        self._container, self._place = container, place

    def __iter__(self) -> Iterator[tuple[float | None, RGB]]:
        broken = import_av().error.FFmpegError
        stream = video_stream(self._container, self._place)
        stream.thread_type = "AUTO"
        size: tuple[int, int] | None = None
        damaged = 0
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except broken as error:
                self.problem = f"it breaks off ({error.strerror or error})"
                return
            if packet is None:
                break
            try:
                decoded = packet.decode()
            except broken:
                damaged += 1
                continue
            for frame in decoded:
                if size is not None and size != (frame.width, frame.height):
                    self._warn_once(size, (frame.width, frame.height))
                size = size or (frame.width, frame.height)
                yield frame.time, frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
        if damaged:
            self.problem = f"{damaged} packets of it are damaged"

    _warned = False

    def _warn_once(self, first: tuple[int, int], now: tuple[int, int]) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(changes(without_password(self._place), first, now), stacklevel=2)


def changes(name: str, first: tuple[int, int], now: tuple[int, int]) -> str:
    """What to say where frames (width, height) change their size."""
    sizes = " to ".join(f"{width} x {height}" for width, height in (first, now))
    return f"{name}: the size of the frames changes from {sizes}; all are scaled to the first"


def scaled(image: RGB, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """The image in another size (width, height)."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
