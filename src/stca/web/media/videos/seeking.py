"""Places in a video from which frames can be decoded as from the beginning, proven before they are used.

A seek lands on a time, and what comes of it depends on the file: a frame may lean on frames before the key
frame, time stamps may repeat, and a damaged packet that tracking left out shifts all numbers behind it. Here
a place counts only where none of this can be: in MP4 and Matroska with time stamps that are all different,
where tracking read as many frames as there are packets, at pictures that reset the decoder.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from stca.errors import FrameError
from stca.footage.clock import Clock
from stca.footage.containers import import_av, open_container, video_stream
from stca.footage.video import DEFAULT_RATE, open_video

_FORMATS = ("mov", "matroska")
_RESETTING = frozenset({"mjpeg", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video"})
"""Codecs whose key frames, where no frame behind them is shown before them, need nothing from before."""
_H264_IDR = (5,)
_HEVC_IDR = (19, 20)
_MOST_SKIPPED = 5000
"""Packets between where a seek lands and where it was to land."""


class NotThereError(Exception):
    """A seek did not give what the index says."""


@dataclass(frozen=True, slots=True, eq=False)
class SeekIndex:
    """Of one video.

    Args:
        stamps: (N,) of frames 1 to N, in the stream's time base; ascending.
        times: (N,) seconds, as tracking counted them.
        entries: numbers of the frames that decoding may begin with, ascending.

    """

    stamps: Int64[np.ndarray, " N"]
    times: Float64[np.ndarray, " N"]
    entries: tuple[int, ...]

    def entry(self, number: int) -> int | None:
        """The last frame up to `number` that decoding may begin with."""
        place = bisect_right(self.entries, number)
        return self.entries[place - 1] if place else None


def build_index(path: Path, *, frames: int) -> SeekIndex | None:
    """Read all packets of a video without decoding them.

    Args:
        path: of the file.
        frames: how many frames tracking read, all of the video's.

    Returns:
        None where nothing is proven.

    """
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            names = container.format.name.split(",")
            if not any(name in names for name in _FORMATS):
                return None
            found = _packets(container, stream)
    except (FrameError, import_av().error.FFmpegError):
        return None
    if found is None or len(found[0]) != frames:
        return None
    stamps, entries, base = found
    with open_video(path) as video:
        clock: Clock[None] = Clock(video.rate or DEFAULT_RATE)
    times = [time for time, _ in clock.times((float(stamp * base), None) for stamp in stamps)]
    return SeekIndex(np.array(stamps, np.int64), np.array(times), tuple(entries))


def _packets(container: Any, stream: Any) -> tuple[list[int], list[int], Any] | None:
    """Time stamps in ascending order, entries, and the time base; None where they do not do."""
    units = _Units(stream)
    sent: list[int] = []
    resets: list[bool] = []
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None or packet.is_corrupt:
            return None
        if not packet.is_discard:
            sent.append(packet.pts)
            resets.append(units.resets(packet))
    stamps = sorted(sent)
    if len(set(stamps)) != len(stamps):
        return None
    # An entry comes after all that is shown before it, and before all that is shown after it.
    latest = np.maximum.accumulate(np.array([-(2**62), *sent], np.int64))[:-1]
    entries = [
        number
        for number, (stamp, before, reset) in enumerate(zip(sent, latest, resets, strict=True), start=1)
        if reset and before < stamp and stamp == stamps[number - 1]
    ]
    return stamps, entries, stream.time_base


class _Units:
    """Tells which packets reset the decoder."""

    def __init__(self, stream: Any) -> None:
        self._codec = stream.codec_context.name
        extra = bytes(stream.codec_context.extradata or b"")
        self._length = 0  # bytes of the length before each NAL unit; 0: this is not how they are stored
        if self._codec == "h264" and len(extra) > 4 and extra[0] == 1:
            self._length = (extra[4] & 3) + 1
        if self._codec == "hevc" and len(extra) > 21 and extra[0] == 1:
            self._length = (extra[21] & 3) + 1

    def resets(self, packet: Any) -> bool:
        """Whether nothing that comes with or after this packet needs what came before."""
        if not packet.is_keyframe:
            return False
        if self._codec in _RESETTING:
            return True
        if not self._length:
            return False
        if self._codec == "h264":
            kinds = [first & 31 for first in self._first_bytes(bytes(packet))]
            pictures = [kind for kind in kinds if 1 <= kind <= 5]
            return bool(pictures) and all(kind in _H264_IDR for kind in pictures)
        kinds = [first >> 1 & 63 for first in self._first_bytes(bytes(packet))]
        pictures = [kind for kind in kinds if kind < 32]
        return bool(pictures) and all(kind in _HEVC_IDR for kind in pictures)

    def _first_bytes(self, data: bytes) -> Iterator[int]:
        place = 0
        while place + self._length < len(data):
            size = int.from_bytes(data[place : place + self._length], "big")
            yield data[place + self._length]
            place += self._length + size


def frames_from(path: Path, index: SeekIndex, entry: int) -> Iterator[Any]:
    """PyAV's frames number `entry`, `entry` + 1 ...; their time stamps are compared with the index.

    Raises:
        NotThereError: the file gives something else.

    """
    av = import_av()
    number = entry
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            stream.thread_type = "AUTO"
            container.seek(int(index.stamps[entry - 1]), stream=stream)
            for packet in _from_stamp(container.demux(stream), int(index.stamps[entry - 1])):
                for frame in packet.decode():
                    if number > len(index.stamps) or frame.pts != index.stamps[number - 1]:
                        raise NotThereError(number)
                    yield frame
                    number += 1
    except (FrameError, av.error.FFmpegError) as error:
        raise NotThereError(number) from error


def _from_stamp(packets: Iterator[Any], stamp: int) -> Iterator[Any]:
    begun = False
    for count, packet in enumerate(packets):
        begun = begun or packet.pts == stamp
        if begun:
            yield packet
        elif count > _MOST_SKIPPED:
            break
    if not begun:
        raise NotThereError(stamp)
