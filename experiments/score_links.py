"""IDF1 and HOTA over several cameras at once, by TrackEval: one person must have one id in all of them.

The frames of all cameras are put one after another, as if they were one long video. A person of the ground
truth has one id throughout; so has a person that linking found, while tracks of single cameras, before
linking, have an id each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stca.boxes import MotRow

Rows = Mapping[str, Sequence[MotRow]]
"""Camera to its rows."""


@dataclass(frozen=True)
class LinkScores:
    """As fractions of 1. `ids` is how many the tracks have, `truth_ids` how many the ground truth has."""

    idf1: float
    idp: float
    idr: float
    hota: float
    deta: float
    assa: float
    ids: int
    truth_ids: int


def score_links(truth: Rows, tracks: Rows) -> LinkScores:
    """Score tracks whose ids count across cameras.

    Args:
        truth: ground truth; rows whose `confidence` is 0 count as nothing.
        tracks: for the same cameras.

    Raises:
        ValueError: an id twice in one frame, of which TrackEval would count only one.

    """
    import trackeval

    for camera, rows in tracks.items():
        if len({(row.frame, row.track) for row in rows}) != len(rows):
            raise ValueError(f"{camera}: an id is twice in one frame")

    data = _as_trackeval_wants(truth, tracks)
    quiet = {"PRINT_CONFIG": False}
    identity = trackeval.metrics.Identity(quiet).eval_sequence(data)
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    return LinkScores(
        float(identity["IDF1"]),
        float(identity["IDP"]),
        float(identity["IDR"]),
        *(float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")),
        data["num_tracker_ids"],
        data["num_gt_ids"],
    )


def apart(tracks: Rows) -> dict[str, list[MotRow]]:
    """The same tracks with an id of their own in every camera: what is known before linking."""
    numbers: dict[tuple[str, int], int] = {}
    return {
        camera: [_renamed(row, numbers.setdefault((camera, row.track), len(numbers))) for row in rows]
        for camera, rows in tracks.items()
    }


def _renamed(row: MotRow, track: int) -> MotRow:
    return MotRow(row.frame, track, row.left, row.top, row.width, row.height, row.confidence)


def _as_trackeval_wants(truth: Rows, tracks: Rows) -> dict:
    truth = {camera: [row for row in rows if row.confidence > 0] for camera, rows in truth.items()}
    true_ids, ids = (_numbers(side) for side in (truth, tracks))
    gt_ids, tracker_ids, similarity = [], [], []
    for camera in sorted(truth):
        mine, theirs = (by_frame(side.get(camera, ())) for side in (truth, tracks))
        for frame in range(1, max([*mine, *theirs], default=0) + 1):
            true, found = mine.get(frame, []), theirs.get(frame, [])
            gt_ids.append(np.array([true_ids[row.track] for row in true], dtype=int))
            tracker_ids.append(np.array([ids[row.track] for row in found], dtype=int))
            similarity.append(overlaps(true, found))
    return {
        "gt_ids": gt_ids,
        "tracker_ids": tracker_ids,
        "similarity_scores": similarity,
        "num_timesteps": len(gt_ids),
        "num_gt_ids": len(true_ids),
        "num_tracker_ids": len(ids),
        "num_gt_dets": sum(map(len, gt_ids)),
        "num_tracker_dets": sum(map(len, tracker_ids)),
    }


def _numbers(side: Rows) -> dict[int, int]:
    return {track: n for n, track in enumerate(sorted({row.track for rows in side.values() for row in rows}))}


def by_frame(rows: Sequence[MotRow]) -> dict[int, list[MotRow]]:
    """Rows of every frame."""
    frames: dict[int, list[MotRow]] = {}
    for row in rows:
        frames.setdefault(row.frame, []).append(row)
    return frames


def overlaps(true: Sequence[MotRow], found: Sequence[MotRow]) -> np.ndarray:
    """Intersection over union of all pairs."""
    a, b = (
        np.array([(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows]).reshape(-1, 4)
        for rows in (true, found)
    )
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(side[:, 2:] - side[:, :2], 0, None).prod(axis=1) for side in (a, b)]
    return both / np.maximum(areas[0][:, None] + areas[1][None, :] - both, 1e-9)
