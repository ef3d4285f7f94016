"""Frames of a video file, by PyAV (FFmpeg)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from stca.errors import FrameError, StcaError
from stca.footage.images import RGB

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".264", ".m4v", ".webm"})

_SECRET = re.compile(
    r"(?i)(?<![a-z])(user|username|usr|pass|passwd|password|pwd|token|auth|secret|key|api_?key)=[^&/?#]*&?"
)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says about itself.

    Args:
        width, height: in pixels.
        frame_rate: frames a second; None where the file does not say.
        num_frames: None where the file does not say (a bare .264 stream).

    """

    width: int
    height: int
    frame_rate: float | None
    num_frames: int | None


def probe_video(path: Path) -> VideoInfo:
    """Read a video's header.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: no file, or none with a video in it.

    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        rate = stream.average_rate
        return VideoInfo(stream.width, stream.height, float(rate) if rate else None, stream.frames or None)


def read_video(path: Path) -> Iterator[RGB]:
    """Decode a video: every frame in the order of display, (H, W, 3) uint8, RGB; the first one is frame 1.

    A rotation that the file asks for (phones do) is not applied, so that boxes made on the coded frames
    fit.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: no file, none with a video in it, or a damaged place; all frames before it come first.

    """
    av = import_av()
    done = 0
    with open_container(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                image: RGB = frame.to_ndarray(format="rgb24")
                yield image
                done += 1
        except av.error.FFmpegError as error:
            raise FrameError("A video is damaged", found=f"{error} after frame {done}", where=path) from error


def open_container(place: Path | str, **options: Any) -> Any:
    """PyAV's container of a file or an address; `options` go to `av.open`.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: it cannot be opened.

    """
    av = import_av()
    try:
        return av.open(str(place), **options)
    except (av.error.FFmpegError, ValueError) as error:
        found = getattr(error, "strerror", None) or error
        address = "://" in str(place)
        raise FrameError(
            "Cannot open a video",
            expected="an address that answers" if address else "a video file that FFmpeg reads",
            found=found,
            where=without_password(place),
            hint="another address" if address else "another path, or the video copied anew",
        ) from error


def without_password(place: Path | str) -> str:
    """An address as it may be shown: without user and password, before the host or among the parameters."""
    if "://" not in str(place):
        return str(place)
    shown = re.sub(r"(?<=://)[^?#]*@", "", str(place))  # up to the last @: a password may have a / in it
    return _SECRET.sub("", shown).rstrip("?&")


def video_stream(container: Any, place: Path | str) -> Any:
    """The first video in a container.

    Raises:
        FrameError: there is none.

    """
    if not container.streams.video:
        found = ", ".join(stream.type for stream in container.streams) or "no stream"
        raise FrameError(
            "A file has no video in it", expected="a video stream", found=found, where=without_password(place)
        )
    return container.streams.video[0]


def import_av() -> ModuleType:
    """PyAV.

    Raises:
        StcaError: it is not installed.

    """
    try:
        import av
    except ImportError as error:
        raise StcaError("Videos need PyAV", found=error, hint="pip install 'stca[video]'") from error
    module: ModuleType = av
    return module
