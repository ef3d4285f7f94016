"""Sources that are watched: their frames come when they come, and for a camera never end.

An address is called again for ever. A file is played at its own speed. A folder that grows gives each new
image when it comes, and plays each new video. `usb:0` is a camera at this machine.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from stca.errors import FrameError
from stca.footage.containers import VIDEO_SUFFIXES, import_av, is_address, video_stream, without_password
from stca.footage.display import Display
from stca.footage.frames import Frame, Source, scaled
from stca.footage.images import IMAGE_SUFFIXES, read_image
from stca.footage.orientation import RGB
from stca.footage.sources import open_source
from stca.footage.streams import FIRST_WAIT, LONGEST_WAIT, stream_images, stream_rate
from stca.footage.video import DEFAULT_RATE
from stca.tools.files import natural_key, write_text
from stca.watch.cameras.messages import CameraState
from stca.watch.settings import CameraSettings

Tell = Callable[[CameraState], None]
_POLL = 0.5  # seconds between two looks into a folder
_LATE = 0.5  # seconds that a file's frame may be late; also the longest time without a frame when all are
_AGE = 1.0  # seconds that a file must not have changed for, to be complete
_PROCESSED = ".taken"


class LiveSource:
    """The frames of a camera as they come.

    Args:
        camera: which.
        folder: the camera's own, where a growing folder keeps its place.
        tell: is told the camera's state.
        stop: ends the frames.

    Attributes:
        begin: moment of the first frame's time 0; None before it.
        taken: frames so far.

    """

    def __init__(
        self, camera: CameraSettings, folder: Path, tell: Tell, stop: threading.Event | None = None
    ) -> None:
        self._camera, self._folder, self._tell = camera, folder, tell
        self._stop = stop or threading.Event()
        self.begin: float | None = None
        self.taken = 0

    def source(self) -> Source:
        """As tracking takes it."""
        place, rate = self._camera.source, self._camera.frame_rate
        if not is_address(place) and not place.startswith("usb:") and Path(place).is_file():
            file = open_source(place, frame_rate=rate)
            frames = lambda: self._paced(file.frames())  # noqa: E731
            return replace(file, num_frames=None, live=True, identity=(), frames=lambda: self._all(frames))
        return Source(
            name=without_password(place),
            camera=self._camera.name,
            frame_rate=rate or (self._stated_rate(place) if is_address(place) else None) or DEFAULT_RATE,
            num_frames=None,
            live=True,
            identity=(),
            frames=lambda: self._all(self._images),
        )

    def _images(self) -> Iterator[Frame]:
        place = self._camera.source
        if Path(place).is_dir():
            return self._folder_frames()
        if place.startswith("usb:"):
            return self._for_ever(lambda: _usb_images(int(place[4:])))
        return self._for_ever(lambda: stream_images(place))

    def _all(self, frames: Callable[[], Iterator[Frame]]) -> Iterator[Frame]:
        """The frames, with the moment of the first and their count."""
        for frame in frames():
            if self._stop.is_set():
                return
            if self.begin is None:
                self.begin = time.monotonic() - frame.time
            self.taken += 1
            yield frame

    def _paced(self, frames: Iterator[Frame], before: int = 0) -> Iterator[Frame]:
        """Frames at their own speed; where decoding is late, some are left out, as a camera would.

        Tracking looks at every `every`-th by its number: where all are late, one of these is given, as nobody
        would look at another.

        Args:
            frames: of a file.
            before: number of frames of the files before it.

        """
        begin: float | None = None
        given = float("-inf")
        every = self._camera.every
        for frame in frames:
            begin = time.monotonic() - frame.time if begin is None else begin
            if frame.number == 1:
                self._tell(CameraState("playing"))
            early = begin + frame.time - time.monotonic()
            wanted = (before + frame.number - 1) % every == 0
            if early < -_LATE and not (wanted and time.monotonic() - given >= _LATE):
                self.taken += 1
                continue
            if self._stop.wait(max(0.0, early)):
                return
            if wanted:
                given = time.monotonic()
            yield frame

    def _stated_rate(self, address: str) -> float | None:
        """The frame rate of a camera, which tracking needs before the first frame."""
        self._tell(CameraState("connecting"))
        wait = FIRST_WAIT
        while not self._stop.is_set():
            try:
                return stream_rate(address)
            except FrameError as error:
                self._tell(CameraState("lost", str(error.found or error.what), wait))
            self._stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return None

    def _for_ever(self, connect: Callable[[], Iterator[RGB]]) -> Iterator[Frame]:
        """Frames with the times of their arrival; the camera is called again whenever it drops."""
        number, begin, size, wait = 0, 0.0, (0, 0), FIRST_WAIT
        if not self._stop.is_set():
            self._tell(CameraState("connecting"))
        while not self._stop.is_set():
            why, playing = "it stopped", False
            try:
                for image in connect():
                    if not playing:
                        self._tell(CameraState("playing"))
                        playing, wait = True, FIRST_WAIT
                    now = time.monotonic()
                    begin = begin if number else now
                    number += 1
                    size = size if number > 1 else (image.shape[1], image.shape[0])
                    fits = size == (image.shape[1], image.shape[0])
                    yield Frame(number, now - begin, image if fits else scaled(image, size))
                    if self._stop.is_set():
                        return
            except FrameError as error:
                why = str(error.found or error.what)
            self._tell(CameraState("lost", why, wait))
            self._stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    # ---- folders that grow ----

    def _folder_frames(self) -> Iterator[Frame]:
        """Images when they come; videos played at their own speed, one after the other."""
        number, size = 0, (0, 0)
        begin = time.monotonic()
        for path in self._new_files():
            before = number
            images = (
                iter([Frame(1, 0.0, read_image(path))])
                if path.suffix.lower() in IMAGE_SUFFIXES
                else self._paced(open_source(path, frame_rate=self._camera.frame_rate).frames(), before)
            )
            try:
                for frame in images:
                    number = before + frame.number  # those that are left out count, too
                    size = size if number > 1 else (frame.image.shape[1], frame.image.shape[0])
                    fits = size == (frame.image.shape[1], frame.image.shape[0])
                    image = frame.image if fits else scaled(frame.image, size)
                    yield Frame(number, time.monotonic() - begin, image)
            except FrameError as error:
                self._tell(CameraState("playing", f"{path.name} is left out: {error.what}"))

    def _new_files(self) -> Iterator[Path]:
        """Complete files that came after the last one taken, in the order of their names."""
        folder, kept = Path(self._camera.source), self._folder / _PROCESSED
        try:
            last: str | None = kept.read_text(encoding="utf-8")
        except FileNotFoundError:
            last = max((path.name for path in _files(folder)), key=natural_key, default=None)
        self._tell(CameraState("playing"))
        while not self._stop.is_set():
            try:
                new = [p for p in _files(folder) if last is None or natural_key(p.name) > natural_key(last)]
            except OSError as error:
                self._tell(CameraState("lost", error.strerror or str(error), LONGEST_WAIT))
                self._stop.wait(LONGEST_WAIT)
                continue
            for path in new:
                if time.time() - path.stat().st_mtime < _AGE:
                    break  # somebody still writes it
                yield path
                last = path.name
                write_text(kept, last)
            else:
                self._stop.wait(_POLL)
                continue
            self._stop.wait(_POLL)


def _files(folder: Path) -> list[Path]:
    suffixes = IMAGE_SUFFIXES | set(VIDEO_SUFFIXES)
    found = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    return sorted(found, key=lambda path: natural_key(path.name))


def _usb_images(number: int) -> Iterator[RGB]:
    """Of a camera at this machine, by the system's own interface."""
    av = import_av()
    formats = {"linux": ("v4l2", f"/dev/video{number}"), "darwin": ("avfoundation", str(number))}
    if sys.platform not in formats:
        raise FrameError("USB cameras are read on Linux and macOS only", found=sys.platform)
    kind, place = formats[sys.platform]
    try:
        container = av.open(place, format=kind, timeout=(10.0, 10.0))
    except (av.error.FFmpegError, ValueError) as error:
        raise FrameError("Cannot open a USB camera", found=error, where=place) from error
    with container:
        stream = video_stream(container, place)
        display = Display(stream, place)
        try:
            for frame in container.decode(stream):
                yield display.image(frame)
        except av.error.FFmpegError as error:
            raise FrameError("A USB camera stopped", found=error, where=place) from error
