"""Made pictures in memory, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class ByteCache:
    """The results that were used last; every method may be called from any thread.

    Args:
        most_bytes: of all results together; a larger one is not kept.

    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """What was put there; None if nothing was, or it had to make room."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, data: bytes) -> bytes:
        """Keep a result; returns it."""
        with self._lock:
            self._bytes += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._bytes > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest)
        return data

    def clear(self) -> None:
        """Keep nothing of what is there."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def make(self, key: Hashable, maker: Callable[[], bytes]) -> bytes:
        """What is kept, or else made now; two threads may make the same at a time."""
        found = self.get(key)
        return self.put(key, maker()) if found is None else found

    def __len__(self) -> int:
        return len(self._kept)


PICTURES = ByteCache(96 << 20)
"""Of crops, frames and explanations that this process has sent."""
