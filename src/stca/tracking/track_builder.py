"""Tracks while they live: first boxes are fetched back, a lost track is joined with what follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, Int64

from stca.boxes import overlaps
from stca.footage.images import RGB
from stca.footage.sources import Frame
from stca.tracking.associate import buffer_seconds
from stca.tracking.quality import look

JOIN_WITHIN = 2.0
"""Seconds that may lie between the end of a track and the beginning of what goes on with it."""

_SAME_LOOK = 0.9  # product of two looks from which they may be one person's
_REACH = 1.0  # heights of a person that the place may be off
_JUDGED = 1.0  # seconds of a track by which its speed is known
_LOOKED = 2.0  # seconds whose looks are averaged
_FETCHED = 2  # frames before a track's first box in which its beginning is looked for


@dataclass(slots=True, eq=False)
class Observation:
    """One box of one frame.

    Args:
        frame: its number, from 1.
        time: seconds.
        box: left, top, right, bottom, in pixels.
        score: the detector's.
        quality: what `stca.tracking.quality` says, by name.
        crop: the pixels; None once they are stored (or nothing of the box is inside the image).
        look: colours, see `quality.look`; None where nobody needs them any more.
        file: name of the stored crop; empty while there is none.
        lasts: seconds since the frame before it.

    """

    frame: int
    time: float
    box: Float[np.ndarray, " 4"]
    score: float
    quality: dict[str, float]
    crop: RGB | None = None
    look: Float32[np.ndarray, " 128"] | None = None
    file: str = ""
    lasts: float = 0.0


@dataclass(slots=True, eq=False)
class Track:
    """The boxes of one person, in order of time."""

    number: int
    seen: list[Observation] = field(default_factory=list)
    judged: bool = False

    @property
    def first(self) -> float:
        """Seconds."""
        return self.seen[0].time

    @property
    def last(self) -> float:
        """Seconds."""
        return self.seen[-1].time


@runtime_checkable
class Store(Protocol):
    """Where crops go as soon as their track is known."""

    def add(self, number: int, seen: Observation) -> None:
        """Keep the crop for that track; sets its file, and its sharpness sooner or later."""

    def join(self, number: int, later: int) -> None:
        """The crops of track `later` belong to track `number`."""


class Following:
    """Collects the boxes of all tracks and hands every track out when it is over.

    Args:
        frame_rate: frames a second that are given.
        store: told of every box that belongs to a track.
        first: the number of the first track. Numbers are its own and never used again, whatever the
            associator does with its.

    """

    def __init__(self, frame_rate: float, store: Store, *, first: int = 0) -> None:
        self._rate, self._store, self._next = frame_rate, store, first
        self._buffer = buffer_seconds(frame_rate)
        self._tracks: dict[int, Track] = {}
        self._alive: dict[int, Track] = {}  # by the associator's number
        self._free: list[list[Observation]] = []  # boxes of the last frames that belong to nobody
        self._time: float | None = None  # of the last frame

    def update(
        self, frame: Frame, seen: list[Observation], numbers: Int64[np.ndarray, " n"]
    ) -> Iterator[Track]:
        """Take the boxes of a frame, with the associator's numbers (-1: none); give what is over."""
        lasts = 1 / self._rate if self._time is None else frame.time - self._time
        self._time = frame.time
        for observation in seen:
            observation.lasts = lasts
        for observation, number in zip(seen, numbers.tolist(), strict=True):
            if number >= 0:
                self._append(number, observation)
        self._free = [*self._free, [o for o, n in zip(seen, numbers, strict=True) if n < 0]][-_FETCHED:]
        yield from self._settle(frame.time)

    def close(self) -> Iterator[Track]:
        """Give the rest: nothing follows."""
        yield from self._settle(float("inf"))

    def _append(self, number: int, observation: Observation) -> None:
        track = self._alive.get(number)
        if track is None:
            track = self._alive[number] = self._tracks[self._next] = Track(self._next)
            self._next += 1
            for earlier in self._beginning(observation):
                self._keep(track, earlier)
        self._keep(track, observation)

    def _beginning(self, observation: Observation) -> list[Observation]:
        """Boxes just before a new track's first that had no track: a tracker wants to see somebody twice."""
        found: list[Observation] = []
        for candidates in reversed(self._free):
            if not candidates:
                break
            box = (found[0] if found else observation).box
            shared = overlaps(box[None], np.stack([c.box for c in candidates]))[0]
            best = int(shared.argmax())
            if shared[best] < 0.3:
                break
            found.insert(0, candidates.pop(best))
        return found

    def _keep(self, track: Track, observation: Observation) -> None:
        if observation.crop is not None and observation.crop.size:
            observation.look = look(observation.crop)
        self._store.add(track.number, observation)
        track.seen.append(observation)
        count = self._count(_LOOKED)
        if len(track.seen) > 2 * count:
            track.seen[-count - 1].look = None

    def _settle(self, now: float) -> Iterator[Track]:
        over = [number for number, track in self._alive.items() if now - track.last > self._buffer]
        for number in over:
            self._judge(self._alive.pop(number))
        for track in list(self._alive.values()):
            if now - track.first > max(_JUDGED, self._buffer):
                self._judge(track)
        waiting = min((t.first for t in self._alive.values() if not t.judged), default=float("inf"))
        living = set(map(id, self._alive.values()))
        for track in list(self._tracks.values()):
            lost = min(now, waiting) - track.last
            if id(track) not in living and lost > JOIN_WITHIN:
                yield self._tracks.pop(track.number)

    def _judge(self, track: Track) -> None:
        """Join it with a lost one that it goes on with, if there is one; once in its life."""
        if track.judged:
            return
        track.judged = True
        living = set(map(id, self._alive.values()))
        costs = {
            lost.number: cost
            for lost in self._tracks.values()
            if lost is not track and id(lost) not in living and (cost := self._cost(lost, track)) is not None
        }
        if not costs or track.number not in self._tracks:
            return
        before = self._tracks[min(costs, key=lambda number: costs[number])]
        self._store.join(before.number, track.number)
        before.seen += track.seen
        del self._tracks[track.number]
        for number, alive in self._alive.items():
            if alive is track:
                self._alive[number] = before

    def _cost(self, lost: Track, track: Track) -> float | None:
        """How badly `track` would go on with `lost`; None where it cannot."""
        gap = track.first - lost.last
        if not 0 < gap <= JOIN_WITHIN:
            return None
        end, begin = lost.seen[-1].box, track.seen[0].box
        heights = end[3] - end[1], begin[3] - begin[1]
        count = self._count(_LOOKED)
        alike = _likeness(lost.seen[-count:], track.seen[:count])
        if not 0.6 < heights[0] / heights[1] < 1.6 or alike < _SAME_LOOK:
            return None
        count = self._count(_JUDGED)
        here, there = _centre(end), _centre(begin)
        ahead, back = gap * _speed(lost.seen[-count:]), gap * _speed(track.seen[:count])
        off = min(
            np.linalg.norm(here - there),
            np.linalg.norm(here + ahead - there),
            np.linalg.norm(there - back - here),
        )
        off = float(off) / (sum(heights) / 2)
        return off - 2 * alike if off <= _REACH else None

    def _count(self, seconds: float) -> int:
        return max(2, round(seconds * self._rate))


def _centre(box: Float[np.ndarray, " 4"]) -> Float[np.ndarray, " 2"]:
    centre: Float[np.ndarray, " 2"] = (box[:2] + box[2:]) / 2
    return centre


def _speed(seen: list[Observation]) -> Float[np.ndarray, " 2"]:
    """Pixels a second."""
    time = seen[-1].time - seen[0].time
    return (_centre(seen[-1].box) - _centre(seen[0].box)) / time if time > 0 else np.zeros(2)


def _likeness(first: list[Observation], second: list[Observation]) -> float:
    """Cosine of the mean looks; 0 where one has none."""
    means = []
    for seen in (first, second):
        looks = [o.look for o in seen if o.look is not None]
        if not looks:
            return 0.0
        mean = np.mean(looks, axis=0)
        means.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return float(means[0] @ means[1])
