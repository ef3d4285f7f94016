"""Rows of tracks.txt from a finished track: gaps interpolated, boxes smoothed."""

from __future__ import annotations

import bisect
import itertools
from array import array
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from stca.boxes import MotRow
from stca.tracking.observations import Observation, Track

MAX_FILLED_GAP = 2.0
"""Seconds; longer gaps of a track are not interpolated."""

_SMOOTH = 0.2  # seconds, standard deviation of the Gaussian along time
_FORGET_FROM = 10_000  # frames
_MIN_SECONDS, _MIN_BOXES = 0.5, 3


def is_long_enough(track: Track) -> bool:
    """Whether a track is long enough to be kept: half a second of boxes, at least three.

    Every box counts for the seconds since the frame before it, at any frame rate, but for a sixth of a
    second at most: one box after a pause is not half a second.
    """
    longest = _MIN_SECONDS / _MIN_BOXES
    return sum(min(o.duration, longest) for o in track.observations) > _MIN_SECONDS - 1e-6


def rows_as_given(track: Track) -> list[MotRow]:
    """MOTChallenge rows of a track, one per observation, neither interpolated nor smoothed."""
    return [
        MotRow(
            frame=o.frame,
            track=track.number,
            left=float(o.box[0]),
            top=float(o.box[1]),
            width=float(o.box[2] - o.box[0]),
            height=float(o.box[3] - o.box[1]),
            confidence=o.score,
            visibility=o.quality["visible"],
        )
        for o in track.observations
    ]


def to_rows(track: Track, times: FrameTimes, *, every: int = 1) -> list[MotRow]:
    """MOTChallenge rows of a track, with gaps up to `MAX_FILLED_GAP` seconds interpolated linearly in time.

    Interpolated boxes have a visibility of 0 and the mean confidence of the track.

    Args:
        track: with at least one observation.
        times: of the processed frames, those of the track among them.
        every: only every `every`-th frame of the video was processed.

    """
    mean = float(np.mean([o.score for o in track.observations]))
    rows = []
    for part in _parts(track.observations, MAX_FILLED_GAP):
        frames, seconds, boxes = _filled(part, times, every)
        boxes = smoothed(boxes, seconds, _SMOOTH)
        known = {o.frame: o for o in part}
        for frame, (left, top, right, bottom) in zip(frames.tolist(), boxes.tolist(), strict=True):
            seen = known.get(frame)
            score, visible = (seen.score, seen.quality["visible"]) if seen else (mean, 0.0)
            rows.append(
                MotRow(
                    frame=frame,
                    track=track.number,
                    left=left,
                    top=top,
                    width=right - left,
                    height=bottom - top,
                    confidence=score,
                    visibility=visible,
                )
            )
    return rows


class FrameTimes:
    """Times of the processed frames, to interpolate in time where frames are not evenly spaced."""

    def __init__(self) -> None:
        self._frames, self._times = array("q"), array("d")

    def add(self, frame: int, time: float) -> None:
        """Append a frame (from 1) and its time (seconds); both only grow."""
        self._frames.append(frame)
        self._times.append(time)

    def forget(self, before: int) -> None:
        """Drop the frames before one, if there are many: a live camera has no end."""
        count = bisect.bisect_left(self._frames, before)
        if count > _FORGET_FROM:
            del self._frames[:count], self._times[:count]

    def at(self, frames: Int64[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Seconds at frames, interpolated for those that were not processed."""
        first = bisect.bisect_left(self._frames, int(frames[0]))
        end = bisect.bisect_right(self._frames, int(frames[-1]))
        known = np.array(self._frames[first:end]), np.array(self._times[first:end])
        seconds: Float[np.ndarray, " n"] = np.interp(frames, *known)
        return seconds


def _parts(seen: Sequence[Observation], gap: float) -> list[list[Observation]]:
    parts = [[seen[0]]]
    for before, after in itertools.pairwise(seen):
        if after.time - before.time > gap:
            parts.append([])
        parts[-1].append(after)
    return parts


def _filled(
    seen: list[Observation], times: FrameTimes, every: int
) -> tuple[Int64[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, "n 4"]]:
    """Frames, seconds and boxes without gaps."""
    known = np.array([o.frame for o in seen])
    frames = np.union1d(known, np.arange(known[0], known[-1] + 1, every))
    seconds = times.at(frames)
    boxes = np.stack([o.box for o in seen])
    at = [o.time for o in seen]
    return frames, seconds, np.stack([np.interp(seconds, at, boxes[:, side]) for side in range(4)], axis=1)


def smoothed(
    boxes: Float[np.ndarray, "n 4"], seconds: Float[np.ndarray, " n"], sigma: float
) -> Float[np.ndarray, "n 4"]:
    """Boxes smoothed by a Gaussian of `sigma` seconds; evenly spaced ones by scipy, others by their times."""
    from scipy.ndimage import gaussian_filter1d

    steps = np.diff(seconds)
    step = float(np.median(steps)) if len(steps) else 0.0
    if step <= 0 or sigma < 0.3 * step:
        return boxes
    if np.abs(steps - step).max() <= 0.2 * step:
        smooth: Float[np.ndarray, "n 4"] = gaussian_filter1d(boxes, sigma / step, axis=0, mode="nearest")
        return smooth
    return _smoothed_by_time(boxes, seconds, sigma)


def _smoothed_by_time(
    boxes: Float[np.ndarray, "n 4"], seconds: Float[np.ndarray, " n"], sigma: float
) -> Float[np.ndarray, "n 4"]:
    """Local linear regression with Gaussian weights: unlike a mean, exact for even motion at uneven times."""
    smooth = boxes.copy()
    for i, now in enumerate(seconds.tolist()):
        first, end = np.searchsorted(seconds, [now - 4 * sigma, now + 4 * sigma])
        offsets = seconds[first:end] - now
        weights = np.exp(-0.5 * (offsets / sigma) ** 2)
        weights /= weights.sum()
        centre, mean = weights @ offsets, weights @ boxes[first:end]
        spread = weights @ (offsets - centre) ** 2
        if spread > 1e-12:
            slope = (weights * (offsets - centre)) @ (boxes[first:end] - mean) / spread
            smooth[i] = mean - centre * slope
    return smooth
