"""Cameras and videos at addresses: frames as they arrive, called again when the camera drops."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from stca.errors import FrameError
from stca.footage.frames import Frame, Pictures, Source, rate_of, read_file, scaled
from stca.footage.images import RGB
from stca.footage.video import open_container, video_stream, without_password

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds before a camera that was lost is called again: doubled each time, up to the second."""


def open_address(address: str, *, camera: str, frame_rate: float | None, patience: float) -> Source:
    """Open a video or a camera at an address, see `stca.footage.sources.open_source`.

    Raises:
        FrameError: it cannot be opened, or has no video.

    """
    with _call(address) as container:
        stream = video_stream(container, address)
        rate, count = frame_rate or rate_of(stream), stream.frames or None
        live = not count and not stream.duration and not container.duration

    def frames() -> Iterator[Frame]:
        if live:
            return read_stream(address, patience=patience)
        return read_file(address, rate=rate, count=count, times_by_rate=frame_rate is not None)

    return Source(
        name=without_password(address),
        camera=camera,
        frame_rate=rate,
        num_frames=count,
        live=live,
        identity=(),
        frames=frames,
    )


def _call(address: str) -> Any:
    options = {"rtsp_transport": "tcp"} if address.startswith("rtsp") else {}
    return open_container(address, options=options, timeout=(10.0, 10.0))


def _connect(address: str) -> Iterator[RGB]:
    with _call(address) as container:
        pictures = Pictures(container, address)
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
