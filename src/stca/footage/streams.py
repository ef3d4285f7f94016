"""Cameras and videos at addresses: frames as they arrive, connected again when the camera drops."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator

from stca.errors import FrameError
from stca.footage.containers import without_password
from stca.footage.display import Display
from stca.footage.frames import Frame, Source, scaled, video_frames, warn_unknown_rate
from stca.footage.orientation import RGB
from stca.footage.video import DEFAULT_RATE, Video, open_video

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds before a camera that was lost is called again: doubled each time, up to the second."""

_FRESH = 2.0  # seconds that a connection may wait for its first reader; pictures would pile up in it


def open_address(
    address: str, *, camera: str, frame_rate: float | None, patience: float, coded: bool = False
) -> Source:
    """Open a video or a camera at an address, see `stca.footage.sources.open_source`.

    Raises:
        FrameError: it cannot be opened, or has no video.

    """
    video = _call(address)
    opened, since = [video], time.monotonic()
    rate, live = frame_rate or video.rate, video.endless
    if rate is None and not live:
        warn_unknown_rate(video.name)

    def connected() -> Video:
        """The connection that is open already where it is fresh, else another."""
        first = opened.pop() if opened else None
        if first is not None and (not live or time.monotonic() - since < _FRESH):
            return first
        if first is not None:
            first.close()
        return _call(address)

    def frames() -> Iterator[Frame]:
        if live:
            return read_stream(address, patience=patience, connect=lambda _: _images(connected(), coded))
        return video_frames(connected(), frame_rate=frame_rate, coded=coded)

    return Source(
        name=video.name,
        camera=camera,
        frame_rate=rate or DEFAULT_RATE,
        num_frames=video.num_frames,
        live=live,
        identity=(),
        frames=frames,
        times_known=live or rate is not None,
        coded=coded,
    )


def _call(address: str) -> Video:
    options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
    return open_video(address, options=options, timeout=(10.0, 10.0))


def _images(video: Video, coded: bool = False) -> Iterator[RGB]:
    with video:
        display = Display(video.stream, video.name, coded=coded)
        for _, frame in video.decode():
            yield display.image(frame)


def stream_rate(address: str) -> float | None:
    """The frame rate that a camera states; None where it does not.

    Raises:
        FrameError: it cannot be opened, or has no video.

    """
    with _call(address) as video:
        return video.rate


def stream_images(address: str) -> Iterator[RGB]:
    """The images of one connection to a camera, until it drops.

    Raises:
        FrameError: it cannot be opened, or has no video.

    """
    return _images(_call(address))


def read_stream(
    address: str,
    *,
    patience: float = 60.0,
    connect: Callable[[str], Iterator[RGB]] = stream_images,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Frame]:
    """Frames of a camera, with the times of their arrival; calls again when it drops.

    Args:
        address: of the camera.
        patience: seconds without a frame after which to give up.
        connect: gives the images of an address until it drops.
        sleep: waits for a number of seconds.
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
                yield Frame(number, now - begin, image if fits else scaled(image, size))
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
