"""What an upload may cost, and the error of one that is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from stca.errors import ConfigError
from stca.web.problems import WebError

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """Bounds of one upload: while it arrives, by what its files claim, and while they are decoded.

    The defaults let a phone's photo and its clip of 30 s pass, also in 4K.

    Args:
        file_bytes, bytes: of one file, and of all together.
        files: number of files in a form.
        seconds_to_arrive: from the first byte to the last.
        pixels: of a picture.
        frame_pixels: of a frame of a video, as stored and as shown.
        video_frames: of a video.
        duration: of a video, in seconds.
        zip_entries: number of files in a zip.
        zip_ratio: unpacked bytes by packed bytes, of every file in a zip and of all together.
        zip_bytes: unpacked, of all pictures in a zip.
        memory: bytes that the decoding process may have more than it begins with.
        processor_seconds, seconds_to_decode: time it may compute, and time it may take.
        open_files: that it may have.
        written_bytes: of the pictures it makes.
        pictures: that it makes; of a longer video, evenly distributed ones.
        pictures_a_second: of a video, at most.
        largest_side: of these pictures, in pixels; larger ones are scaled down.

    Raises:
        ConfigError: a limit that is not above zero.

    """

    file_bytes: int = 256 * _MIB
    bytes: int = 512 * _MIB
    files: int = 64
    seconds_to_arrive: float = 300.0
    pixels: int = 64_000_000
    frame_pixels: int = 4096 * 2304
    video_frames: int = 30_000
    duration: float = 120.0
    zip_entries: int = 500
    zip_ratio: float = 100.0
    zip_bytes: int = 512 * _MIB
    memory: int = 1024 * _MIB
    processor_seconds: float = 120.0
    seconds_to_decode: float = 180.0
    open_files: int = 64
    written_bytes: int = 512 * _MIB
    pictures: int = 300
    pictures_a_second: float = 10.0
    largest_side: int = 2560

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"The limit {field.name} is above zero", found=value)


QUERY = UploadLimits()
"""Of pictures and videos that show who is searched for."""

TRACKED = UploadLimits(
    file_bytes=8192 * _MIB,
    bytes=16384 * _MIB,
    files=16,
    seconds_to_arrive=7200.0,
    video_frames=24 * 3600 * 60,
    duration=24 * 3600.0,
)
"""Of videos that are to be tracked; `check_video` decodes their first frames only."""

STATUSES = frozenset({400, 408, 413, 415, 422, 429, 503})


class UploadError(WebError):
    """An upload that is refused.

    The status is 400 (no proper form), 408 (arrives too slowly), 413 (more than the limits), 415 (no picture,
    video or zip), 422 (damaged), 429 (too often), or 503 (busy).

    Args:
        status: one of these.
        retry_after: seconds after which the client may try again.
        others: as of `StcaError`.

    """

    def __init__(
        self, what: str, *, status: int = 422, retry_after: int | None = None, **others: Any
    ) -> None:
        super().__init__(what, status=status, retry_after=retry_after, **others)
