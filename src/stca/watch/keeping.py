"""How long the tracklets of each camera are kept: applied while it is watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from stca.errors import GalleryError
from stca.gallery import Gallery
from stca.gallery.keeping import expire
from stca.watch.settings import CameraSettings
from stca.watch.telling import say

_SOONEST, _LATEST = 1.0, 3600.0
"""Seconds between two looks: a hundredth of the shortest retention, within these."""
_WAIT = 5.0  # seconds for others to end a read or a write; cameras wait as long


class Retention:
    """Forgets what is older than its camera's tracklets may be.

    Args:
        gallery: writable.
        cameras: that are watched; those without a retention keep everything.
        monotonic: seconds that only grow.

    """

    def __init__(
        self,
        gallery: Gallery,
        cameras: Sequence[CameraSettings],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gallery, self._monotonic = gallery, monotonic
        self._limits = {each.name: each.retention for each in cameras if each.retention is not None}
        shortest = min(self._limits.values(), default=0.0)
        self._every = min(max(shortest / 100, _SOONEST), _LATEST)
        self._next = float("-inf") if self._limits else float("inf")
        self._left: frozenset[str] = frozenset()

    def apply_if_due(self) -> bool:
        """Forget what is too old if it is time to look; whether anything was forgotten."""
        if self._monotonic() < self._next:
            return False
        self._next = self._monotonic() + self._every
        try:
            done = expire(self._gallery, self._limits, wait=_WAIT).forgotten
        except GalleryError as error:  # somebody reads for long: the next time
            say(f"retention: {error.what}; tried again in {self._every:.0f} s")
            return False
        if done.keys:
            say(f"retention: erased {done}")
        for words in set(done.left) - self._left:
            say(f"retention: left {words}")
        self._left |= set(done.left)
        return bool(done.keys)
