"""Time that only grows for what is compared, and the wall clock's for what is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

JUMP = 0.5
"""Seconds by which a wall clock is set at once, not merely steered, to be worth a word."""


class WallClock:
    """Moments in seconds of a clock that only grows, which all processes of the machine share.

    What is compared (who was where first, how long a walk took) is in moments. The wall clock may be set at
    any time, forwards and back; what is said, of the past too, is in its present time.

    Args:
        monotonic: seconds that only grow.
        wall: POSIX seconds.

    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._offset = wall() - monotonic()

    def now(self) -> float:
        """The present moment."""
        return self._monotonic()

    def wall(self, moment: float) -> float:
        """POSIX seconds of a moment, by what the wall clock showed at the last `check`."""
        return moment + self._offset

    def moment(self, wall: float) -> float:
        """The moment of POSIX seconds."""
        return wall - self._offset

    def check(self) -> float | None:
        """Follow the wall clock; the seconds that it was set by since the last call, if at once."""
        before, self._offset = self._offset, self._wall() - self._monotonic()
        step = self._offset - before
        return step if abs(step) > JUMP else None


def iso(seconds: float) -> str:
    """`2026-01-31T10:00:00.250Z`."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
