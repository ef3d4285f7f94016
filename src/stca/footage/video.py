"""Videos: opened once, their headers examined, and decoded frame by frame."""

from __future__ import annotations

import contextlib
import heapq
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.errors import FrameError
from stca.footage.containers import (
    VIDEO_SUFFIXES,
    import_av,
    is_address,
    open_container,
    video_stream,
    video_streams,
    without_password,
)
from stca.footage.display import Display
from stca.footage.header import count_frames, has_times, stated_rate, usual_rate
from stca.footage.orientation import RGB

__all__ = [
    "DEFAULT_RATE",
    "VIDEO_SUFFIXES",
    "Video",
    "VideoInfo",
    "import_av",
    "open_container",
    "open_video",
    "probe_video",
    "read_video",
    "video_stream",
    "without_password",
]

DEFAULT_RATE = 25.0
"""Frames a second where nothing states them."""

_INVALID_DATA = 0x41444E49  # FFmpeg's AVERROR_INVALIDDATA, "INDA"
_PEEKED = 100  # packets that are read ahead to measure the frame rate


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video without decoding it.

    Args:
        width, height: in pixels, of the frames that `read_video` gives.
        frame_rate: frames a second; None where neither the file nor the stream states it.
        num_frames: None where the file does not say (a bare .264 stream, most Matroska files).

    """

    width: int
    height: int
    frame_rate: float | None
    num_frames: int | None


def probe_video(path: Path, *, coded: bool = False) -> VideoInfo:
    """Read a video's header and decode its first frame; `coded` as in `read_video`.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: no file, or none with a video in it.

    """
    with open_video(path) as video:
        width, height = video.stream.width, video.stream.height
        with contextlib.suppress(import_av().error.FFmpegError):
            for _, frame in video.decode(strict=True):
                width, height = Display(video.stream, video.name, coded=coded).size(frame)
                break
        return VideoInfo(width, height, video.rate, video.num_frames)


def read_video(path: Path, *, coded: bool = False) -> Iterator[RGB]:
    """Decode a video: every frame in the order of display, (H, W, 3) uint8, RGB; the first one is frame 1.

    Args:
        path: of the file.
        coded: give the frames as they are stored. By default they are as a player shows them: turned as the
            display matrix says (phones write one), and with square pixels.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: no file, none with a video in it, or a damaged place; all frames before it come first.

    """
    done = 0
    with open_video(path) as video:
        display = Display(video.stream, video.name, coded=coded)
        try:
            for _, frame in video.decode(strict=True):
                yield display.image(frame)
                done += 1
        except import_av().error.FFmpegError as error:
            raise FrameError(
                "A video is damaged",
                found=f"{error} after frame {done}",
                where=path,
                hint="copy or record it again, or leave out what comes after that frame",
            ) from error


def open_video(place: Path | str, **options: Any) -> Video:
    """Open a video file or an address; `options` go to `av.open`.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: it cannot be opened, or has no video in it.

    """
    container = open_container(place, **options)
    try:
        return Video(place, container, video_stream(container, place))
    except BaseException:
        container.close()
        raise


def _cut_off_error() -> Exception:
    error: Exception = import_av().error.InvalidDataError(_INVALID_DATA, "a packet is cut off")
    return error


class Video:
    """A video that is open: its header, and its frames, once. A context manager that closes it.

    Args:
        place: path or address.
        container, stream: PyAV's.

    Attributes:
        name: of the place, for messages.
        stream: PyAV's.
        has_times: whether the container has time stamps; bare streams have none.
        rate: frames a second: between neighbouring frames, or as the stream states where there are no
            times; None where that is unknown.
        num_frames: by the header or the index; None where neither says.
        endless: whether nothing states a length, as for a camera.
        problem: after `decode`, what could not be decoded.

    """

    def __init__(self, place: Path | str, container: Any, stream: Any) -> None:
        self.name = without_password(place)
        self.stream, self._container = stream, container
        path = None if is_address(place) else Path(place)
        self.num_frames, self._cut_off = count_frames(container, stream, path)
        self.endless = not (self.num_frames or stream.duration or container.duration)
        self.has_times = has_times(container)
        self.problem: str | None = None
        self._reordered = container.format.name == "avi" and stream.codec_context.has_b_frames
        # Elsewhere, e.g. in MPEG-TS, a corrupt packet is whole and something is missing before it.
        self._cuts_packets = path is not None and container.format.name != "mpegts"
        self._packets = container.demux(stream)
        self._peeked: deque[Any] = deque()
        self._breaks_off: Exception | None = None  # met while reading ahead
        if path is None and self.endless:  # a camera: nothing is read before it is asked for
            rate = stream.average_rate or stream.guessed_rate
            self.rate = float(rate) if rate else None
        else:
            self.rate = self._measure()
        self._warn_of_other_streams()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file or the connection."""
        self._container.close()

    def decode(self, *, strict: bool = False) -> Iterator[tuple[float | None, Any]]:
        """Give (time stamp in seconds or None, PyAV's frame) in the order of display, once.

        Damaged packets are left out, and `problem` says so afterwards; if `strict`, they raise PyAV's error.
        """
        broken = import_av().error.FFmpegError
        self.stream.thread_type = "AUTO"
        stamps: list[float] = []  # of packets whose frames are still to come
        damaged = decoded = 0
        while True:
            try:
                packet = self._next_packet()
            except broken as error:
                if strict:
                    raise
                self.problem = f"it breaks off ({error.strerror or error})"
                return
            if packet is None:
                break
            # Of a picture that is cut off decoders give the upper part, and below it something else.
            if packet.is_corrupt and self._cuts_packets:
                if strict:
                    for frame in self._waiting():
                        yield (heapq.heappop(stamps) if stamps else None), frame
                    raise _cut_off_error()
                damaged += 1
                continue
            try:
                frames = packet.decode()
            except broken:
                if strict:
                    raise
                damaged += 1
                continue
            if self._reordered and packet.dts is not None:
                heapq.heappush(stamps, float(packet.dts * packet.time_base))
            for frame in frames:
                decoded += 1
                # An AVI has no times of display: the frames get those of its packets in ascending order.
                yield (heapq.heappop(stamps) if stamps else frame.time), frame
        if self._is_short(decoded):
            self.problem = f"it ends early{f' ({damaged} packets are damaged)' if damaged else ''}"
        elif damaged:
            self.problem = f"{damaged} packets of it are damaged"

    def _next_packet(self) -> Any:
        """The next one, of those read ahead first; None at the end."""
        if self._peeked:
            return self._peeked.popleft()
        if self._breaks_off is not None:
            raise self._breaks_off
        return next(self._packets, None)

    def _waiting(self) -> list[Any]:
        """Frames that the decoder's threads still hold."""
        with contextlib.suppress(import_av().error.FFmpegError):
            return list(self.stream.codec_context.decode(None))
        return []

    def _is_short(self, decoded: int) -> bool:
        if self._cut_off is None:  # the header may count a few frames that are never shown
            return self.num_frames is not None and decoded < 0.9 * self.num_frames - 2
        return self._cut_off and (self.num_frames is None or decoded < self.num_frames)

    def _measure(self) -> float | None:
        if not self.has_times:
            return stated_rate(self.stream)
        shown, sent = [], []
        try:
            while len(self._peeked) < _PEEKED and (packet := next(self._packets, None)) is not None:
                self._peeked.append(packet)
                if packet.pts is not None and not packet.is_discard:
                    shown.append(float(packet.pts * packet.time_base))
                if packet.dts is not None:
                    sent.append(float(packet.dts * packet.time_base))
        except import_av().error.FFmpegError as error:
            self._breaks_off = error
        return usual_rate(self.stream, sent if self._reordered or not shown else shown)

    def _warn_of_other_streams(self) -> None:
        others = [s for s in video_streams(self._container) if s.index != self.stream.index]
        if others:
            sizes = ", ".join(f"{s.width} x {s.height}" for s in others)
            warnings.warn(
                f"{self.name} has {len(others) + 1} videos in it; the one of {self.stream.width} x "
                f"{self.stream.height} is read, not {sizes}",
                stacklevel=2,
            )
