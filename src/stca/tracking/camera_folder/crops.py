"""Writing crops to disk in the background."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import simplejpeg

from stca.footage.images import RGB
from stca.tracking.observations import Observation
from stca.tracking.quality import sharpness

_JPEG_QUALITY = 92
_MAX_PENDING = 64  # crops; beyond it `put` blocks, so that a slow disk costs time instead of memory


class CropWriter:
    """Scores, encodes and writes crops in a thread of its own, while the next frames are processed."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="crops")
        self._pending: deque[Future[None]] = deque()

    def put(self, path: Path, observation: Observation, pixels: RGB) -> None:
        """Queue the (contiguous) pixels for writing; sets the observation's sharpness when they are written.

        Raises:
            OSError: an earlier crop could not be written.

        """
        while len(self._pending) >= _MAX_PENDING:
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(_write, path, observation, pixels))

    def wait(self) -> None:
        """Block until every queued crop is written.

        Raises:
            OSError: a crop could not be written.

        """
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """Stop the thread; crops that are still queued are discarded."""
        self._thread.shutdown(cancel_futures=True)


def _write(path: Path, observation: Observation, pixels: RGB) -> None:
    observation.quality["sharpness"] = sharpness(pixels)
    path.write_bytes(simplejpeg.encode_jpeg(pixels, quality=_JPEG_QUALITY, colorspace="RGB"))
