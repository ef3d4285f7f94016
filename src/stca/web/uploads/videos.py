"""Decode a stranger's video; in the child process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from stca.footage.clock import Clock
from stca.footage.containers import open_container, video_stream
from stca.footage.display import Display
from stca.footage.images import RGB
from stca.footage.video import DEFAULT_RATE, Video
from stca.web.uploads.limits import UploadError, UploadLimits
from stca.web.uploads.pictures import check_pixels, scaled_down

CODECS = (
    "h264", "hevc", "av1", "libdav1d", "vp8", "libvpx", "vp9", "libvpx-vp9", "mpeg4", "mjpeg", "h263",
    "mpeg1video", "mpeg2video", "ffv1",
)  # fmt: skip
"""FFmpeg's names of the decoders that are used; it has hundreds more, for formats that cameras never had."""

ROUNDING = 0.002
"""Seconds; containers round times to milliseconds."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame as it is shown.

    Args:
        time: seconds since the first frame.
        image: (H, W, 3) uint8, scaled down.

    """

    time: float
    image: RGB


class StrangersVideo:
    """A video that is open, and whose header keeps to the limits.

    Args:
        path: of the file.
        kind: the only container it may be, by FFmpeg's name.
        limits: of pixels, frames and seconds.

    Raises:
        FrameError: it cannot be opened, or has no video in it.
        UploadError: it claims too much (413), or is of an unusual codec (415).

    """

    def __init__(self, path: Path, kind: str, limits: UploadLimits) -> None:
        self._path, self._limits = path, limits
        options = {
            "format_whitelist": kind,
            "codec_whitelist": ",".join(CODECS),
            "max_streams": "32",
            "protocol_whitelist": "file",
        }
        self._container = open_container(path, format=kind, options=options)
        stream = video_stream(self._container, path)
        self._check_claims(stream)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(limits.frame_pixels)}
        self._video = Video(path.name, self._container, stream)

    @property
    def rate(self) -> float | None:
        """Frames a second, if known."""
        return self._video.rate

    @property
    def num_frames(self) -> int | None:
        """As the header says."""
        return self._video.num_frames

    @property
    def seconds(self) -> float | None:
        """As the header says."""
        return _stated_seconds(self._container, self._video.stream)

    def frames(self, step: Fraction | None) -> Iterator[Shown]:
        """Frames in the order they are shown: the first at or after every multiple of `self.step`; None: all.

        `self.step` begins as `step`; whoever reads may enlarge it.

        Raises:
            FrameError, UploadError: it has more or larger frames than its header says and the limits allow.

        """
        self.step = step
        video, limits = self._video, self._limits
        rate = video.rate or DEFAULT_RATE
        clock: Clock[Any] = Clock(rate)
        display = Display(video.stream, "the video")
        decoded = video.decode()
        timed = (
            clock.times(decoded) if video.has_times else ((k / rate, f) for k, (_, f) in enumerate(decoded))
        )
        following = 0.0
        for number, (time, frame) in enumerate(timed, start=1):
            if number > limits.video_frames:
                raise _too_long(f"more than {limits.video_frames:,} frames")
            if time > limits.duration:
                raise _too_long(f"more than {limits.duration:g} s")
            check_pixels((frame.width, frame.height), limits.frame_pixels, "video")
            check_pixels(display.size(frame), limits.frame_pixels, "video")
            if time + ROUNDING < following:
                continue
            yield Shown(time, scaled_down(display.image(frame), limits.largest_side))
            if self.step is not None:
                following = float((Fraction(time + ROUNDING) // self.step + 1) * self.step)
        if video.problem:
            warnings.warn(f"the video is damaged: {video.problem}", stacklevel=2)

    def close(self) -> None:
        """Close the file."""
        self._video.close()

    def _check_claims(self, stream: Any) -> None:
        name = getattr(stream.codec_context.codec, "name", None)
        if name not in CODECS:
            raise UploadError(
                "A video is of a codec that is not accepted",
                status=415,
                expected="H.264, H.265, AV1, VP8, VP9, MPEG-4 or Motion JPEG",
                found=name,
                hint="convert it to H.264",
            )
        check_pixels((stream.width, stream.height), self._limits.frame_pixels, "video")
        if stream.frames > self._limits.video_frames:
            raise _too_long(f"{stream.frames:,} frames")
        seconds = _stated_seconds(self._container, stream) or 0.0
        if seconds > self._limits.duration:
            raise _too_long(f"{seconds:,.0f} s")


def _stated_seconds(container: Any, stream: Any) -> float | None:
    stated = [float(container.duration) / 1e6] if container.duration else []
    stated += [float(stream.duration * stream.time_base)] if stream.duration and stream.time_base else []
    return max(stated, default=None)


def _too_long(found: str) -> UploadError:
    return UploadError(
        "A video is too long", status=413, found=found, hint="cut out the seconds that show the person"
    )
