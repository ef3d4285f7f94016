"""Frames with times from anywhere: a video file, a folder of images, the address of a camera."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from stca.errors import ConfigError, FrameError
from stca.footage.frames import DEFAULT_RATE, Frame, Source, changes, rate_of, read_file, scaled
from stca.footage.images import IMAGE_SUFFIXES, read_image
from stca.footage.streams import open_address, read_stream
from stca.footage.video import open_container, video_stream, without_password
from stca.tools.files import natural_key

__all__ = ["DEFAULT_RATE", "Frame", "Source", "camera_name", "open_source", "read_stream"]

_LEAST_RATE, _LARGEST_RATE = 0.001, 10_000


def open_source(place: str | Path, *, frame_rate: float | None = None, patience: float = 60.0) -> Source:
    """Open any source of frames.

    - A video file. Times are the file's own. A damaged place is skipped; where the file ends too early,
      what was decoded is kept. Both are said by a warning.
    - A folder of images, in natural order: image k is frame k. Images that cannot be read are left out,
      with a warning.
    - An address (rtsp://, http:// ...). Without a length it is a camera: times are those of arrival, and
      when it drops it is called again, with longer and longer pauses, until it was away for `patience`
      seconds; then the frames end, with a warning.

    Frames that change their size on the way are scaled to the size of the first one.

    Args:
        place: path or address.
        frame_rate: frames a second, 0.001 to 10,000; default: what the source says, or 25.
        patience: seconds.

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
    if "://" in str(place):
        return open_address(str(place), camera=camera_name(place), frame_rate=frame_rate, patience=patience)
    path = Path(place)
    if path.is_dir():
        return _folder(path, frame_rate)
    return _file(path, frame_rate)


def camera_name(place: str | Path) -> str:
    """What a camera is called whose frames come from there.

    A file's name without suffix, a folder's (of the one above `img1`, as MOTChallenge has it), or an address
    without user and password.
    """
    if "://" in str(place):
        host = without_password(place).partition("://")[2]
        return re.sub(r"[^\w.-]+", "_", host).strip("._-") or "camera"
    path = Path(place).absolute()
    if not path.is_dir():
        return path.stem
    return path.parent.name if path.name == "img1" else path.name


def _file(path: Path, frame_rate: float | None) -> Source:
    with open_container(path) as container:
        stream = video_stream(container, path)
        rate, count = frame_rate or rate_of(stream), stream.frames or None
    status = path.stat()
    identity = (status.st_size, status.st_mtime_ns)

    def frames() -> Iterator[Frame]:
        return read_file(path, rate=rate, count=count, times_by_rate=frame_rate is not None)

    return Source(
        name=path.name,
        camera=camera_name(path),
        frame_rate=rate,
        num_frames=count,
        live=False,
        identity=identity,
        frames=frames,
    )


def _folder(path: Path, frame_rate: float | None) -> Source:
    images = sorted(
        (p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")),
        key=lambda p: natural_key(p.name),
    )
    if not images:
        raise FrameError("No images in a folder", expected=", ".join(sorted(IMAGE_SUFFIXES)), where=path)
    name = camera_name(path)
    rate = frame_rate or DEFAULT_RATE
    identity = (len(images), max(p.stat().st_mtime_ns for p in images))
    return Source(
        name=name,
        camera=name,
        frame_rate=rate,
        num_frames=len(images),
        live=False,
        identity=identity,
        frames=lambda: _read_images(images, rate, name),
    )


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
                warnings.warn(changes(name, size, found), stacklevel=2)
            changed, image = True, scaled(image, size)
        yield Frame(number, (number - 1) / rate, image)
    if len(damaged) == len(images):
        raise damaged[0]
    if damaged:
        warnings.warn(
            f"{name}: {len(damaged)} images cannot be read and are left out, the first: {damaged[0]}",
            stacklevel=2,
        )
