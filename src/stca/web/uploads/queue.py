"""Which uploads are decoded, and when: a bounded queue."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from stca.web.uploads.limits import UploadError


class DecodeQueue:
    """Lets a few uploads be decoded at once, in the order they come; a few more wait, all others are refused.

    Args:
        at_once: that are decoded at the same time.
        waiting: that wait at most.
        patience: seconds that one waits at most.

    """

    def __init__(self, *, at_once: int = 2, waiting: int = 8, patience: float = 60.0) -> None:
        self._at_once, self._most, self._patience = at_once, waiting, patience
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._running = 0
        self._usual = 5.0  # seconds that one takes, a running mean

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and hold it within the context.

        Raises:
            UploadError: too many wait already, or it lasts too long (503, with seconds to wait).

        """
        self._wait()
        began = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._usual += 0.2 * (time.monotonic() - began - self._usual)
                self._changed.notify_all()

    def load(self) -> tuple[int, int]:
        """How many are decoded and how many wait at present."""
        with self._changed:
            return self._running, len(self._queue)

    def _wait(self) -> None:
        with self._changed:
            if len(self._queue) >= self._most:
                raise self._busy()
            me = object()
            self._queue.append(me)
            try:
                if not self._changed.wait_for(lambda: self._is_next(me), self._patience):
                    raise self._busy()
                self._running += 1
            finally:
                self._queue.remove(me)
                self._changed.notify_all()

    def _is_next(self, one: object) -> bool:
        return self._running < self._at_once and self._queue[0] is one

    def _busy(self) -> UploadError:
        seconds = math.ceil(self._usual * (len(self._queue) + self._running) / self._at_once)
        return UploadError(
            "The server is busy with other uploads",
            status=503,
            retry_after=max(1, seconds),
            hint="try again in a moment",
        )
