"""Frame times from time stamps: strictly increasing, with errors of the recorder's clock corrected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_LEAST_STEP = 1e-6  # seconds; less is none
_ROOM, _ROOM_OF_ONE = 0.75, 0.45  # steps for each frame with a wrong stamp; two frames may share one stamp

LOOK_AHEAD = 8
"""Frames that are held back, at most, to see whether a jump of the time stamps stays."""

LEAST_JUMP, STEPS_OF_A_JUMP = 2.0, 20.0
"""A step ahead is a jump from two seconds on, and from twenty times the usual step on."""

LONG_PAUSE, FIRST_JUMP = 3600.0, 60.0
"""Seconds: a longer jump that stays is named in a warning; a longer one behind the very first frame is no
pause but a wrong first time stamp."""

SMALL_CORRECTION = 1.0
"""Seconds that a clock may be set back by without a warning."""


class Clock(Generic[T]):
    """Gives every frame its time in seconds since the first one; times strictly increase.

    The time stamps of the file are kept, also over a pause within it, with these exceptions:

    - A few frames (fewer than `LOOK_AHEAD`) whose stamps lie elsewhere than those before and behind them,
      or that have the stamp of another frame, or none, are placed evenly between their neighbours.
    - A clock that is set back and stays there: times go on from the last frame by one step.
    - A first frame more than `FIRST_JUMP` before the following ones, or behind them: it is one step before
      the second.

    Args:
        rate: frames a second, for the usual step.

    Attributes:
        notes: what was found, for a warning; complete when all frames were given.

    """

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._jump = max(LEAST_JUMP, STEPS_OF_A_JUMP * self._step)
        self._held: list[tuple[float, T]] = []
        self._number = 0  # of frames given
        self._raw = self._time = 0.0  # of the last frame given: the file's time stamp, and its time
        self.notes: list[str] = []

    def times(self, frames: Iterable[tuple[float | None, T]]) -> Iterator[tuple[float, T]]:
        """Give (time, frame) for each (time stamp in seconds or None, frame), in the same order."""
        latest: float | None = None
        for stamp, frame in frames:
            latest = stamp if stamp is not None else 0.0 if latest is None else latest + self._step
            self._held.append((latest, frame))
            yield from self._settle(final=False)
        yield from self._settle(final=True)

    def _settle(self, *, final: bool) -> Iterator[tuple[float, T]]:
        """Give the frames at the front of those held whose times are certain."""
        while self._held:
            if not self._number:
                if len(self._held) < 3 and not final:
                    return
                self._begin()
                yield self._give(self._held[0][0], 0.0)
                continue
            step = self._held[0][0] - self._raw
            if _LEAST_STEP < step <= self._jump:
                yield self._give(self._held[0][0], self._time + step)
            elif strays := self._strays():
                yield from self._place(strays)
            elif len(self._held) < LOOK_AHEAD and not final:
                return
            elif step > self._jump:
                yield self._ahead(step, alone=len(self._held) == 1)
            else:
                self._note_set_back(-step)
                yield self._give(self._held[0][0], self._time + self._step)

    def _give(self, raw: float, time: float) -> tuple[float, T]:
        """Take the first frame that is held; its time stamp is `raw` for those that follow."""
        self._number += 1
        self._raw, self._time = raw, time
        return time, self._held.pop(0)[1]

    def _begin(self) -> None:
        """Mend the first frame's stamp where it does not fit the second and third."""
        if len(self._held) < 3:
            return
        first, second, third = (raw for raw, _ in self._held[:3])
        fits = -SMALL_CORRECTION < second - first <= max(FIRST_JUMP, self._jump)
        if not fits and 0 < third - second <= self._jump:
            self._held[0] = second - self._step, self._held[0][1]
            self.notes.append(f"the first time stamp is {abs(second - first):.0f} s off and not used")

    def _strays(self) -> int:
        """How many frames at the front lie elsewhere, as the one behind them follows the last one given."""
        ahead = self._held[0][0] > self._raw
        for count in range(1, len(self._held)):
            gap = self._held[count][0] - self._raw
            if not LOOK_AHEAD * _LEAST_STEP < gap <= self._jump:
                continue
            room = gap / (count + 1) / self._step  # 1 where the frames behind go on as if nothing had been
            if (ahead and self._held[count][0] < self._held[0][0]) or room >= (
                _ROOM_OF_ONE if count == 1 else _ROOM
            ):
                return count
        return 0

    def _place(self, strays: int) -> Iterator[tuple[float, T]]:
        """Give frames with wrong stamps, evenly spread before the next good one."""
        gap = self._held[strays][0] - self._raw
        step = gap / (strays + 1)
        off = self._held[0][0] - self._raw
        if abs(off) > self._jump:
            self.notes.append(
                f"{strays} of the time stamps, from frame {self._number + 1} on, are {abs(off):.0f} s off "
                "and not used"
            )
        for _ in range(strays):
            yield self._give(self._raw + step, self._time + step)

    def _ahead(self, step: float, *, alone: bool) -> tuple[float, T]:
        """Give a frame behind a jump ahead that stays: a pause of the recorder, or its clock was set."""
        raw = self._held[0][0]
        if step < LONG_PAUSE:
            return self._give(raw, self._time + step)
        if alone:  # the very last frame
            self.notes.append(f"the last time stamp is {step:.0f} s off and not used")
            return self._give(raw, self._time + self._step)
        self.notes.append(
            f"the time stamps go ahead by {step:.0f} s at frame {self._number + 1}: a pause that long, or "
            "the clock was set (the times of the frames go ahead as well)"
        )
        return self._give(raw, self._time + step)

    def _note_set_back(self, seconds: float) -> None:
        if seconds > SMALL_CORRECTION:
            self.notes.append(
                f"the clock is set back by {seconds:.1f} s at frame {self._number + 1} (the "
                "times of the frames go on)"
            )
