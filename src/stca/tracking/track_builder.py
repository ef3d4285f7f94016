"""Tracks from boxes: begun with earlier boxes, joined after gaps, cut where the person changes."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int64

from stca.boxes import overlaps
from stca.footage.sources import Frame
from stca.tracking.appearance import WINDOWS, NetworkChanges, change_points, mean_similarity
from stca.tracking.associate import buffer_seconds
from stca.tracking.observations import CropStore, Observation, Track
from stca.tracking.quality import MIN_QUALITY, colour_histogram

__all__ = ["CropStore", "Observation", "Track", "TrackBuilder"]

JOIN_WITHIN = 2.0
"""Longest gap in seconds over which two tracks of one person are joined."""

_MIN_SIMILARITY = 0.9  # lowest cosine of two colour histograms of one person
_MAX_OFFSET = 1.0  # largest distance from the predicted position, in heights of the person
_SPEED_SECONDS = 1.0  # seconds of a track from which its speed is estimated
_COLOUR_SECONDS = 2.0  # seconds of a track whose colour histograms are averaged
_SPREAD = 2.0  # observations of a second may lie in two: some frames have no box
_LOOK = 1.0  # seconds between two looks for tracks that have changed their person
_SETTLED = sum(WINDOWS)  # seconds after a change of person from which on nothing new is known of it
_BACKFILL_FRAMES = 2  # frames before a track's first box that are searched for earlier boxes of it


_CLEAR = ("visible", "inside")  # scores that a crop needs for its colours to be the person's
_NO_FRAME = 2**62  # later than any


class TrackBuilder:
    """Collects the boxes of all tracks and returns every track when it has ended.

    Args:
        frame_rate: frames per second that `update` receives.
        store: receives every box that belongs to a track.
        first: the number of the first track. Track numbers are independent of the associator's, and none is
            used twice.
        changes: finds where a track changes its person; None: by colours.
        longest: seconds after which a track ends although its person is still there; the next one begins.
        at_once: whether a track is cut as soon as it is sure that it has changed its person; else, and always
            where `changes` finds that, at its end. The pieces are the same, but for changes that follow each
            other closely.

    """

    def __init__(
        self,
        frame_rate: float,
        store: CropStore,
        *,
        first: int = 0,
        changes: NetworkChanges | None = None,
        longest: float = float("inf"),
        at_once: bool = False,
    ) -> None:
        self._rate, self._store, self._next, self._changes = frame_rate, store, first, changes
        self._buffer, self._longest = buffer_seconds(frame_rate), longest
        self._next_look = 0.0 if at_once and changes is None else float("inf")
        self._tracks: dict[int, Track] = {}
        self._alive: dict[int, Track] = {}  # by the associator's number
        self._unassigned: list[list[Observation]] = []  # boxes of the last frames without a track
        self._time: float | None = None  # of the previous frame

    @property
    def oldest(self) -> int:
        """The first frame of the tracks that have not ended."""
        return min((track.observations[0].frame for track in self._tracks.values()), default=_NO_FRAME)

    def update(
        self, frame: Frame, observations: list[Observation], numbers: Int64[np.ndarray, " n"]
    ) -> Iterator[Track]:
        """Add the boxes of a frame with the associator's numbers (-1: none); yield ended tracks."""
        duration = 1 / self._rate if self._time is None else frame.time - self._time
        self._time = frame.time
        for observation in observations:
            observation.duration = duration
        self._end_lost(frame.time - 1.5 / self._rate)
        for observation, number in zip(observations, numbers.tolist(), strict=True):
            if number >= 0:
                self._append(number, observation)
        self._unassigned = [
            *self._unassigned,
            [o for o, n in zip(observations, numbers, strict=True) if n < 0],
        ][-_BACKFILL_FRAMES:]
        yield from self._take_ended(frame.time)

    def close(self) -> Iterator[Track]:
        """Yield the remaining tracks: the video has ended."""
        yield from self._take_ended(float("inf"))

    def _append(self, number: int, observation: Observation) -> None:
        track = self._alive.get(number)
        if track is None:
            track = self._alive[number] = self._tracks[self._next] = Track(self._next)
            self._next += 1
            for earlier in self._earlier_boxes(observation):
                self._keep(track, earlier)
        self._keep(track, observation)

    def _earlier_boxes(self, observation: Observation) -> list[Observation]:
        """Unassigned boxes just before a new track's first: some associators confirm at the second box.

        A box from before a pause in the recording is another person's, however few frames lie in between.
        """
        found: list[Observation] = []
        for candidates in reversed(self._unassigned):
            next_box = found[0] if found else observation
            if not candidates or next_box.time - candidates[0].time > self._buffer:
                break
            shared = overlaps(next_box.box[None], np.stack([c.box for c in candidates]))[0]
            best = int(shared.argmax())
            if shared[best] < 0.3:
                break
            found.insert(0, candidates.pop(best))
        return found

    def _keep(self, track: Track, observation: Observation) -> None:
        if observation.crop is not None and observation.crop.size:
            observation.colours = colour_histogram(observation.crop)
        self._store.add(track.number, observation)
        track.observations.append(observation)

    def _end_lost(self, now: float) -> None:
        """Close the tracks without a box for longer than the buffer.

        Before the boxes of a frame are added, `now` is one frame interval earlier than the frame: then only
        a pause in the recording closes a track to which the associator gives a box.
        """
        lost = [number for number, track in self._alive.items() if now - track.last > self._buffer]
        for number in lost:
            self._try_join(self._alive.pop(number))

    def _take_ended(self, now: float) -> Iterator[Track]:
        self._end_lost(now)
        for track in list(self._alive.values()):
            if now - track.first > max(_SPEED_SECONDS, self._buffer):
                self._try_join(track)
        yield from self._cut_at_once(now)
        for number, track in list(self._alive.items()):
            if track.last - track.first > self._longest:
                del self._alive[number]
                yield from self._cut(self._tracks.pop(track.number))
        waiting = min((t.first for t in self._alive.values() if not t.join_checked), default=float("inf"))
        living = set(map(id, self._alive.values()))
        for track in list(self._tracks.values()):
            lost = min(now, waiting) - track.last
            if id(track) not in living and lost > JOIN_WITHIN:
                yield from self._cut(self._tracks.pop(track.number))

    def _cut(self, track: Track) -> Iterator[Track]:
        """A finished track in pieces of one person each: associators mix people up where they meet."""
        starts = self._changes_of(track)
        pieces = [track]
        for start, end in itertools.pairwise([*starts, len(track.observations)]):
            pieces.append(self._split(track, track.observations[start:end]))
        del track.observations[starts[0] if starts else len(track.observations) :]
        yield from pieces

    def _split(self, track: Track, observations: list[Observation]) -> Track:
        """A new track of some observations of another, which are still there, too."""
        new = Track(self._next, observations, join_checked=True)
        self._store.split(track.number, new.number, observations)
        self._next += 1
        return new

    def _cut_at_once(self, now: float) -> Iterator[Track]:
        """The beginnings of tracks that have changed their person; the rest of each goes on as a new one."""
        if not self._next_look <= now < float("inf"):
            return
        self._next_look = now + _LOOK
        for number, track in list(self._alive.items()):
            if not track.join_checked or track.last - track.first < _SETTLED:
                continue
            old = bisect.bisect_left(track.observations, track.last - 3 * _SETTLED, key=_time)
            recent = Track(track.number, track.observations[old:], before=_before(track, old))
            starts = [old + start for start in self._changes_of(recent)]
            if not starts or track.last - track.observations[starts[0]].time < _SETTLED:
                continue
            rest = self._split(track, track.observations[starts[0] :])
            rest.before = _before(track, starts[0])
            del track.observations[starts[0] :]
            self._alive[number] = self._tracks[rest.number] = rest
            yield self._tracks.pop(track.number)

    def _changes_of(self, track: Track) -> list[int]:
        """Indices of the observations at which another person begins."""
        every, known = [*track.before, *track.observations], len(track.before)
        clear = [
            i
            for i, o in enumerate(every)
            if o.colours is not None and all(o.quality[name] >= MIN_QUALITY[name] for name in _CLEAR)
        ]
        seen = [every[i] for i in clear]
        times = np.array([o.time for o in seen])
        if self._changes is None:
            points = change_points(times, [o.colours for o in seen if o.colours is not None])
        else:
            points = self._changes.starts(times, self._store.crops(track.number, seen))
        return [clear[point] - known for point in points if clear[point] > known]

    def _try_join(self, track: Track) -> None:
        """Join a track with the lost track that it continues, if there is one; checked once per track."""
        if track.join_checked:
            return
        track.join_checked = True
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
        before.observations += track.observations
        del self._tracks[track.number]
        for number, alive in self._alive.items():
            if alive is track:
                self._alive[number] = before

    def _cost(self, lost: Track, track: Track) -> float | None:
        """Cost of joining `track` to the end of `lost`; None where it cannot be the same person."""
        gap = track.first - lost.last
        if not 0 < gap <= JOIN_WITHIN:
            return None
        end, begin = lost.observations[-1].box, track.observations[0].box
        heights = end[3] - end[1], begin[3] - begin[1]
        last = self._tail(lost.observations, _COLOUR_SECONDS)
        first = self._head(track.observations, _COLOUR_SECONDS)
        similarity = mean_similarity([o.colours for o in last], [o.colours for o in first])
        if not 0.6 < heights[0] / heights[1] < 1.6 or similarity < _MIN_SIMILARITY:
            return None
        here, there = _centre(end), _centre(begin)
        ahead = gap * _speed(self._tail(lost.observations, _SPEED_SECONDS))
        back = gap * _speed(self._head(track.observations, _SPEED_SECONDS))
        off = min(
            np.linalg.norm(here - there),
            np.linalg.norm(here + ahead - there),
            np.linalg.norm(there - back - here),
        )
        off = float(off) / (sum(heights) / 2)
        return off - 2 * similarity if off <= _MAX_OFFSET else None

    def _head(self, observations: list[Observation], seconds: float) -> list[Observation]:
        """The first observations, as many as frames come in `seconds`, within `_SPREAD` times `seconds`."""
        end = bisect.bisect_right(observations, observations[0].time + _SPREAD * seconds, key=_time)
        return observations[: max(2, min(end, round(seconds * self._rate)))]

    def _tail(self, observations: list[Observation], seconds: float) -> list[Observation]:
        """The last observations, likewise."""
        start = bisect.bisect_left(observations, observations[-1].time - _SPREAD * seconds, key=_time)
        return observations[-max(2, min(len(observations) - start, round(seconds * self._rate))) :]


def _before(track: Track, start: int) -> list[Observation]:
    """What was seen just before an observation of a track."""
    seen = [*track.before, *track.observations[:start]]
    return seen[bisect.bisect_left(seen, seen[-1].time - 2 * _SETTLED, key=_time) :] if seen else []


def _time(observation: Observation) -> float:
    return observation.time


def _centre(box: Float[np.ndarray, " 4"]) -> Float[np.ndarray, " 2"]:
    centre: Float[np.ndarray, " 2"] = (box[:2] + box[2:]) / 2
    return centre


def _speed(observations: list[Observation]) -> Float[np.ndarray, " 2"]:
    """Pixels per second."""
    time = observations[-1].time - observations[0].time
    return (_centre(observations[-1].box) - _centre(observations[0].box)) / time if time > 0 else np.zeros(2)
