"""Crops on their way to the disk."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import simplejpeg

from stca.footage.images import RGB
from stca.tracking.quality import sharpness
from stca.tracking.track_builder import Observation

_JPEG_QUALITY = 92
_PENDING = 64  # crops; who brings more waits, so that a slow disk costs time and not memory


class CropWriter:
    """Scores, encodes and writes crops in a thread of its own, while the next frames are followed."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="crops")
        self._pending: deque[Future[None]] = deque()

    def put(self, path: Path, seen: Observation, pixels: RGB) -> None:
        """Write the pixels (contiguous) sooner or later, and set the sharpness of what was seen.

        Raises:
            OSError: one of the crops before could not be written.

        """
        while len(self._pending) >= _PENDING:
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(_write, path, seen, pixels))

    def wait(self) -> None:
        """Until everything is written.

        Raises:
            OSError: one of the crops could not be.

        """
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """End the thread; what still waits is not written."""
        self._thread.shutdown(cancel_futures=True)


def _write(path: Path, seen: Observation, pixels: RGB) -> None:
    seen.quality["sharpness"] = sharpness(pixels)
    path.write_bytes(simplejpeg.encode_jpeg(pixels, quality=_JPEG_QUALITY, colorspace="RGB"))
