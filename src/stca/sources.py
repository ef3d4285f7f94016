"""Frames with times from anywhere: a video file, a folder of images, the address of a camera."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from stca.errors import ConfigError, FrameError
from stca.files import natural_key
from stca.images import IMAGE_SUFFIXES, RGB, read_image
from stca.video import import_av, open_container, video_stream, without_password

DEFAULT_RATE = 25.0
"""Frames a second where a source does not say."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds before a camera that was lost is called again: doubled each time, up to the second."""


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
        frame_rate: frames a second; default: what the source says, or 25.
        patience: seconds.

    Raises:
        StcaError: PyAV is not installed.
        FrameError: nothing to be opened there, or no video in it, or no images.
        ConfigError: a frame rate that is none.

    """
    if frame_rate is not None and not 0 < frame_rate < float("inf"):
        raise ConfigError("A frame rate is frames a second", expected="above 0", found=frame_rate)
    if "://" in str(place):
        return _address(str(place), frame_rate, patience)
    path = Path(place)
    if path.is_dir():
        return _folder(path, frame_rate)
    return _file(path, frame_rate)


def _file(path: Path, frame_rate: float | None) -> Source:
    with open_container(path) as container:
        stream = video_stream(container, path)
        rate, count = frame_rate or _rate(stream), stream.frames or None
    status = path.stat()
    identity = (status.st_size, status.st_mtime_ns)
    times_by_rate = frame_rate is not None

    def frames() -> Iterator[Frame]:
        return _read_file(path, rate, count, times_by_rate=times_by_rate)

    return Source(path.name, path.stem, rate, count, False, identity, frames)


def _rate(stream: Any) -> float:
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else DEFAULT_RATE


def _read_file(
    place: Path | str, rate: float, count: int | None, *, times_by_rate: bool = False
) -> Iterator[Frame]:
    number, begin, last, problem = 0, 0.0, 0.0, None
    with open_container(place) as container:
        pictures = _Pictures(container, place)
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
        raise FrameError("No frame of a video can be read", found=problem or "it has none", where=place)
    if problem is not None:
        of = f" of {count}" if count else ""
        warnings.warn(
            f"{place}: {problem}; the {number}{of} frames that could be read are used", stacklevel=2
        )


class _Pictures:
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
            warnings.warn(_changes(without_password(self._place), first, now), stacklevel=2)


def _changes(name: str, first: tuple[int, int], now: tuple[int, int]) -> str:
    sizes = " to ".join(f"{width} x {height}" for width, height in (first, now))
    return f"{name}: the size of the frames changes from {sizes}; all are scaled to the first"


def _folder(path: Path, frame_rate: float | None) -> Source:
    images = sorted(
        (p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")),
        key=lambda p: natural_key(p.name),
    )
    if not images:
        raise FrameError("No images in a folder", expected=", ".join(sorted(IMAGE_SUFFIXES)), where=path)
    home = path.absolute()
    name = home.parent.name if home.name == "img1" else home.name  # a sequence of MOTChallenge
    rate = frame_rate or DEFAULT_RATE
    identity = (len(images), max(p.stat().st_mtime_ns for p in images))
    return Source(name, name, rate, len(images), False, identity, lambda: _read_images(images, rate, name))


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
                warnings.warn(_changes(name, size, found), stacklevel=2)
            changed, image = True, _scaled(image, size)
        yield Frame(number, (number - 1) / rate, image)
    if len(damaged) == len(images):
        raise damaged[0]
    if damaged:
        warnings.warn(
            f"{name}: {len(damaged)} images cannot be read and are left out, the first: {damaged[0]}",
            stacklevel=2,
        )


def _scaled(image: RGB, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _address(address: str, frame_rate: float | None, patience: float) -> Source:
    with _call(address) as container:
        stream = video_stream(container, address)
        rate, count = frame_rate or _rate(stream), stream.frames or None
        live = not count and not stream.duration and not container.duration
    name = without_password(address)
    camera = re.sub(r"[^\w.-]+", "_", name.partition("://")[2]).strip("._-") or "camera"
    if not live:
        return Source(name, camera, rate, count, False, (), lambda: _read_file(address, rate, count))
    return Source(name, camera, rate, None, True, (), lambda: read_stream(address, patience=patience))


def _call(address: str) -> Any:
    options = {"rtsp_transport": "tcp"} if address.startswith("rtsp") else {}
    return open_container(address, options=options, timeout=(10.0, 10.0))


def _connect(address: str) -> Iterator[RGB]:
    with _call(address) as container:
        pictures = _Pictures(container, address)
        for _, image in pictures:
            yield image


def read_stream(
    address: str,
    *,
    patience: float = 60.0,
    connect: Callable[[str], Iterator[RGB]] = _connect,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Frame]:
    """Frames of a camera, with the times of their arrival; calls again when it drops.

    Args:
        address: of the camera.
        patience: seconds without a frame after which to give up.
        connect: gives the images of an address until it drops.
        sleep: waits so many seconds.
        clock: seconds that only grow.

    Raises:
        FrameError: the camera never gave a frame.

    """
    shown, wait, lost = without_password(address), FIRST_WAIT, None
    number, begin, size = 0, 0.0, None
    while True:
        why: object = "it stopped"
        try:
            for image in connect(address):
                now = clock()
                begin = begin if number else now
                number += 1
                size = size or (image.shape[1], image.shape[0])
                fits = size == (image.shape[1], image.shape[0])
                yield Frame(number, now - begin, image if fits else _scaled(image, size))
                wait, lost = FIRST_WAIT, None
        except FrameError as error:
            if not number:
                raise
            why = error.found or error
        if not number:
            raise FrameError("A camera gives no frames", where=shown)
        if lost is None:
            lost = clock()
            warnings.warn(f"{shown}: lost after frame {number} ({why}); it is called again", stacklevel=2)
        if clock() - lost + wait > patience:
            warnings.warn(f"{shown}: gone for {clock() - lost:.0f} s; its frames end here", stacklevel=2)
            return
        sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)
