"""Frames with times, and the sources they come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from stca.errors import FrameError
from stca.footage.clock import Clock
from stca.footage.display import Display
from stca.footage.orientation import RGB
from stca.footage.video import DEFAULT_RATE, Video


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a source.

    Args:
        number: from 1.
        time: seconds since the first frame; every frame's is larger than the one's before. Over a pause
            within a file it goes on as the file's time stamps do, so it is no multiple of the frame rate.
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
        times_known: False where neither the source nor the caller states a frame rate, so that the times of
            the frames are a guess: they count 25 frames a second.
        coded: whether the frames are as stored, and not as a player shows them.

    """

    name: str
    camera: str
    frame_rate: float
    num_frames: int | None
    live: bool
    identity: tuple[int, ...]
    frames: Callable[[], Iterator[Frame]]
    times_known: bool = True
    coded: bool = False


def video_frames(video: Video, *, frame_rate: float | None = None, coded: bool = False) -> Iterator[Frame]:
    """The frames of an open video that has an end; it is closed afterwards.

    Args:
        video: see `open_video`.
        frame_rate: frames a second that decide the times, instead of the file's time stamps.
        coded: give the frames as stored, see `Display`.

    Raises:
        FrameError: there is none that can be read.

    """
    rate = frame_rate or video.rate or DEFAULT_RATE
    clock: Clock[Any] = Clock(rate)
    display = Display(video.stream, video.name, coded=coded)
    number = 0
    with video:
        counted = frame_rate is not None or not video.has_times
        decoded = video.decode()
        timed = (
            ((k / rate, frame) for k, (_, frame) in enumerate(decoded)) if counted else clock.times(decoded)
        )
        for number, (time, frame) in enumerate(timed, start=1):
            yield Frame(number, time, display.image(frame))
    if not number:
        raise FrameError(
            "No frame of a video can be read",
            found=video.problem or "it has none",
            where=video.name,
            hint="copy or record it again",
        )
    if video.problem is not None:
        of = f" of {video.num_frames}" if video.num_frames else ""
        warnings.warn(
            f"{video.name}: {video.problem}; the {number}{of} frames that could be read are used",
            stacklevel=2,
        )
    if clock.notes:
        more = f" (and {len(clock.notes) - 3} more)" if len(clock.notes) > 3 else ""
        warnings.warn(
            f"{video.name}: {'; '.join(clock.notes[:3])}{more}; --rate (frame_rate=) counts times by "
            "the frame instead",
            stacklevel=2,
        )


def warn_unknown_rate(name: str) -> None:
    """Say that the times of a source's frames are a guess."""
    warnings.warn(
        f"{name}: nothing states its frame rate; {DEFAULT_RATE:g} frames a second are assumed, "
        "and all times follow from that; give the right one with --rate (frame_rate=)",
        stacklevel=2,
    )


def scaled(image: RGB, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """The image in another size (width, height)."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
