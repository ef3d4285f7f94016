"""What a finished track becomes in tracks.txt: gaps filled, boxes smoothed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from stca.boxes import MotRow
from stca.tracking.track_builder import Observation, Track

FILLED = 2.0
"""Seconds: longer gaps of a track stay open."""

_SMOOTH = 0.2  # seconds, of the Gaussian along time
_LEAST_SECONDS, _LEAST_BOXES = 0.5, 3


def is_track(track: Track) -> bool:
    """Whether it was seen long enough to be somebody: half a second of boxes, three at least.

    Every box counts as long as it was since the frame before, however many frames a second were looked at;
    but one box after a pause is no half second.
    """
    longest = _LEAST_SECONDS / _LEAST_BOXES
    return sum(min(o.lasts, longest) for o in track.seen) > _LEAST_SECONDS - 1e-6


def to_rows(track: Track, frame_rate: float, *, every: int = 1) -> list[MotRow]:
    """MOTChallenge rows of a track, gaps up to `FILLED` seconds filled by straight lines.

    Filled boxes have a visibility of 0 (nobody was seen there), and the mean confidence of the track.

    Args:
        track: with a box at least.
        frame_rate: frames a second of what was looked at, every `every`-th frame of the video.
        every: see there.

    """
    mean = float(np.mean([o.score for o in track.seen]))
    rows = []
    for part in _parts(track.seen, FILLED):
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
