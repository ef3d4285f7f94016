"""Frames with times from anywhere: a video file, a folder of images, the address of a camera."""

from __future__ import annotations

import configparser
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from stca.errors import ConfigError, FrameError
from stca.footage.containers import is_address, printable, without_password
from stca.footage.display import size_change
from stca.footage.frames import Frame, Source, scaled, video_frames, warn_unknown_rate
from stca.footage.images import IMAGE_SUFFIXES, read_image
from stca.footage.streams import open_address, read_stream
from stca.footage.video import DEFAULT_RATE, open_video
from stca.tools.files import natural_key, stem, twice

__all__ = [
    "DEFAULT_RATE",
    "Frame",
    "Source",
    "camera_name",
    "folder_images",
    "image_identity",
    "open_source",
    "read_stream",
    "require_distinct_cameras",
]

_LEAST_RATE, _LARGEST_RATE = 0.001, 10_000


def open_source(
    place: str | Path, *, frame_rate: float | None = None, patience: float = 60.0, coded: bool = False
) -> Source:
    """Open any source of frames.

    - A video file. Times are the file's own, with obvious errors of its clock mended (see `Clock`); bare
      streams without times (.264, .265, .mjpeg) get them from the rate that the stream states. A damaged
      place is skipped; where the file ends too early, what was decoded is kept. All of these are named in
      warnings. Of several videos in one file the default or largest one is read.
    - A folder of images, in natural order: image k is frame k. A `seqinfo.ini` (MOTChallenge) beside or above
      them states the rate. Images that cannot be read are left out, with a warning. A single image is a
      source of one frame.
    - An address (rtsp://, http:// ...). Without a length it is a camera: times are those of arrival, and
      when it drops it is called again, with longer and longer pauses, until it was away for `patience`
      seconds; then the frames end, with a warning.

    Frames are as a player shows them: turned as the display matrix or the EXIF orientation says, and with
    square pixels. Frames that change their size on the way are scaled to the size of the first one.

    Args:
        place: path or address.
        frame_rate: frames a second, 0.001 to 10,000; default: what the source states, or 25 with a warning
            and `times_known` False.
        patience: seconds.
        coded: give the frames of a video as they are stored, neither turned nor stretched, for boxes that
            were made on such frames.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: nothing to be opened there, or no video in it, or no images.
        ConfigError: a frame rate that is none.

    """
    if frame_rate is not None and not _LEAST_RATE <= frame_rate <= _LARGEST_RATE:
        raise ConfigError(
            "A frame rate is frames a second",
            expected=f"{_LEAST_RATE} to {_LARGEST_RATE:,}",
            found=frame_rate,
        )
    if is_address(place):
        return open_address(
            str(place), camera=camera_name(place), frame_rate=frame_rate, patience=patience, coded=coded
        )
    path = Path(place)
    try:
        if path.is_dir():
            return _folder(path, frame_rate)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise FrameError(
            "Cannot open a source of frames",
            expected="a video file, a folder of images, or an address",
            found=error.strerror,
            where=printable(str(path)),
            hint="check the path, and whether you may read it",
        ) from error
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _images(path, [path], frame_rate)
    return _file(path, frame_rate, coded)


def require_distinct_cameras(places: Iterable[str | Path], *, hint: str) -> None:
    """Raise ConfigError, with this hint, where two places have the same `camera_name`.

    Names that are one folder on some systems (`Door` and `door`) count as the same: what is made
    moves from system to system.
    """
    if same := twice(map(camera_name, places)):
        raise ConfigError(
            "Two videos have the same name, and the camera and its folder are named after it",
            expected="names that differ by more than upper and lower case",
            found=", ".join(same),
            hint=hint,
        )


def camera_name(place: str | Path) -> str:
    """What a camera is called whose frames come from there.

    A file's name without suffix (`cam.1` has none), a folder's (of the one above `img1`, as MOTChallenge has
    it), or an address without user and password.
    """
    if is_address(place):
        host = without_password(place).partition("://")[2]
        return re.sub(r"[^\w.-]+", "_", host).strip("._-") or "camera"
    path = Path(place).absolute()
    folder = os.path.isdir(path)  # noqa: PTH112 (which is False for a name that is too long)
    name = stem(path) if not folder else path.parent.name if path.name == "img1" else path.name
    return printable(name)


def _file(path: Path, frame_rate: float | None, coded: bool) -> Source:
    video = open_video(path)
    opened = [video]
    rate = frame_rate or video.rate
    if rate is None:
        warn_unknown_rate(printable(path.name))
    status = path.stat()

    def frames() -> Iterator[Frame]:
        return video_frames(opened.pop() if opened else open_video(path), frame_rate=frame_rate, coded=coded)

    return Source(
        name=printable(path.name),
        camera=camera_name(path),
        frame_rate=rate or DEFAULT_RATE,
        num_frames=video.num_frames,
        live=False,
        identity=(status.st_size, status.st_mtime_ns),
        frames=frames,
        times_known=rate is not None,
        coded=coded,
    )


def folder_images(path: Path) -> list[Path]:
    """The images that are the frames of a folder, in order: image k is frame k; hidden files are none."""
    return sorted(
        (p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")),
        key=lambda p: natural_key(p.name),
    )


def image_identity(images: list[Path]) -> tuple[int, int]:
    """Of a folder's images, as `Source.identity` has it: how many, and when the latest was changed."""
    return len(images), max((p.stat().st_mtime_ns for p in images if p.exists()), default=0)


def _folder(path: Path, frame_rate: float | None) -> Source:
    images = folder_images(path)
    if not images:
        raise FrameError(
            "No images in a folder",
            expected=", ".join(sorted(IMAGE_SUFFIXES)),
            where=printable(str(path)),
            hint="give the folder that holds the images themselves, or a video file",
        )
    return _images(path, images, frame_rate or _stated_rate(path))


def _images(path: Path, images: list[Path], rate: float | None) -> Source:
    name = camera_name(path)
    if rate is None and len(images) > 1:
        warn_unknown_rate(name)
    return Source(
        name=name if len(images) > 1 or path.is_dir() else printable(path.name),
        camera=name,
        frame_rate=rate or DEFAULT_RATE,
        num_frames=len(images),
        live=False,
        identity=image_identity(images),
        frames=lambda: _read_images(images, rate or DEFAULT_RATE, name),
        times_known=rate is not None or len(images) == 1,
    )


def _stated_rate(folder: Path) -> float | None:
    """`frameRate` of a MOTChallenge sequence that the folder or the one above it is."""
    info = configparser.ConfigParser()
    for place in (folder, folder.absolute().parent):
        try:
            info.read(place / "seqinfo.ini", encoding="utf-8-sig")
            rate = info.getfloat("Sequence", "frameRate", fallback=0.0)
        except (configparser.Error, ValueError, OSError):
            continue
        if _LEAST_RATE <= rate <= _LARGEST_RATE:
            return rate
    return None


def _read_images(images: list[Path], rate: float, name: str) -> Iterator[Frame]:
    damaged: list[FrameError] = []
    size: tuple[int, int] | None = None
    changed = False
    for number, path in enumerate(images, start=1):
        try:
            image = read_image(path)
        except FrameError as error:
            damaged.append(error)
            continue
        found = image.shape[1], image.shape[0]
        size = size or found
        if found != size:
            if not changed:
                warnings.warn(size_change(name, size, found), stacklevel=2)
            changed, image = True, scaled(image, size)
        yield Frame(number, (number - 1) / rate, image)
    if len(damaged) == len(images):
        raise damaged[0]
    if damaged:
        warnings.warn(
            f"{name}: {len(damaged)} images cannot be read and are left out, the first: {damaged[0]}",
            stacklevel=2,
        )
