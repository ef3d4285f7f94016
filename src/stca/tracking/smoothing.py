"""Rows of tracks.txt from a finished track: gaps interpolated, boxes smoothed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from stca.boxes import MotRow
from stca.tracking.track_builder import Observation, Track

MAX_FILLED_GAP = 2.0
"""Seconds; longer gaps of a track are not interpolated."""

_SMOOTH = 0.2  # seconds, of the Gaussian along time
_MIN_SECONDS, _MIN_BOXES = 0.5, 3


def is_long_enough(track: Track) -> bool:
    """Whether a track is long enough to be kept: half a second of boxes, at least three.

    Every box counts for the seconds since the frame before it, at any frame rate, but for a sixth of a
    second at most: one box after a pause is not half a second.
    """
    longest = _MIN_SECONDS / _MIN_BOXES
    return sum(min(o.duration, longest) for o in track.observations) > _MIN_SECONDS - 1e-6


def to_rows(track: Track, frame_rate: float, *, every: int = 1) -> list[MotRow]:
    """MOTChallenge rows of a track, with gaps up to `MAX_FILLED_GAP` seconds interpolated linearly.

    Interpolated boxes have a visibility of 0 and the mean confidence of the track.

    Args:
        track: with at least one observation.
        frame_rate: processed frames per second (the video's rate divided by `every`).
        every: only every `every`-th frame of the video was processed.

    """
    mean = float(np.mean([o.score for o in track.observations]))
    rows = []
    for part in _parts(track.observations, MAX_FILLED_GAP):
        frames, boxes = _filled(part, every)
        boxes = _smoothed(boxes, _SMOOTH * frame_rate)
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


def _parts(seen: Sequence[Observation], gap: float) -> list[list[Observation]]:
    parts = [[seen[0]]]
    for before, after in itertools.pairwise(seen):
        if after.time - before.time > gap:
            parts.append([])
        parts[-1].append(after)
    return parts


def _filled(seen: list[Observation], every: int) -> tuple[Int64[np.ndarray, " n"], Float[np.ndarray, "n 4"]]:
    known = np.array([o.frame for o in seen])
    frames = np.union1d(known, np.arange(known[0], known[-1] + 1, every))
    boxes = np.stack([o.box for o in seen])
    return frames, np.stack([np.interp(frames, known, boxes[:, side]) for side in range(4)], axis=1)


def _smoothed(boxes: Float[np.ndarray, "n 4"], sigma: float) -> Float[np.ndarray, "n 4"]:
    from scipy.ndimage import gaussian_filter1d

    if sigma < 0.3:
        return boxes
    smooth: Float[np.ndarray, "n 4"] = gaussian_filter1d(boxes, sigma, axis=0, mode="nearest")
    return smooth
