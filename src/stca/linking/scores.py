"""IDF1 and HOTA over several cameras, by TrackEval, with one id per person in all of them.

The frames of all cameras are concatenated into one sequence. Ground-truth persons and linked persons keep
their id across cameras; unlinked tracks of single cameras have an id each.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float

from stca.boxes import MotRow, overlaps, read_mot
from stca.errors import DatasetError, GalleryError, StcaError
from stca.linking.linking import Linking
from stca.linking.tracks import mot_rows

Rows = Mapping[str, Sequence[MotRow]]
"""MOTChallenge rows by camera."""


@dataclass(frozen=True, slots=True)
class LinkScores:
    """Scores as fractions of 1; `ids` and `truth_ids` are the numbers of ids of tracks and ground truth."""

    idf1: float
    idp: float
    idr: float
    hota: float
    deta: float
    assa: float
    ids: int
    truth_ids: int


def score_linking(linking: Linking, truth: Rows) -> LinkScores:
    """Score a linking by the boxes in its tracklets' side files.

    Args:
        linking: of a gallery, or `unlinked`.
        truth: ground truth of its cameras from `read_truth`, with ids shared by all cameras.

    Raises:
        DatasetError: a camera without ground truth.
        GalleryError: no tracklet has boxes, or a person occurs twice in a frame.
        StcaError: TrackEval is not installed.

    """
    tracks = mot_rows(linking)
    if not tracks:
        raise GalleryError(
            "There is nothing to score",
            expected="tracklets with side files, as `stca track` writes them",
            found="none",
        )
    if strange := sorted(tracks.keys() - truth.keys()):
        raise DatasetError(
            "Some cameras have no ground truth",
            expected=", ".join(sorted(truth)),
            found=", ".join(strange),
            hint="the folders of the ground truth must be named like the cameras",
        )
    return score_links(truth, tracks)


def unlinked(linking: Linking) -> Linking:
    """Every tracklet as a person of its own: the tracks of single cameras."""
    return Linking(tuple((record,) for group in linking.persons for record in group), 1.0)


def read_truth(folder: Path) -> dict[str, tuple[MotRow, ...]]:
    """Read `CAMERA/gt/gt.txt` of every camera: MOTChallenge rows with ids shared by all cameras.

    `stca data make-scene` writes such a folder.

    Raises:
        DatasetError: no such file, or a row that cannot be parsed.

    """
    files = {path.parent.parent.name: read_mot(path) for path in sorted(folder.glob("*/gt/gt.txt"))}
    if not files:
        raise DatasetError(
            "There is no ground truth here", expected="CAMERA/gt/gt.txt", found="none", where=folder
        )
    if broken := [line for file in files.values() for line in file.broken]:
        raise DatasetError(f"{len(broken)} rows of ground truth cannot be read", found=broken[0])
    return {camera: file.rows for camera, file in files.items()}


def scores_table(before: LinkScores, after: LinkScores) -> str:
    """Human-readable table."""
    lines = [f"{'':<26}{'ids':>6}{'IDF1':>8}{'HOTA':>8}"]
    for name, scores in (("tracks of single cameras", before), ("linked", after)):
        lines.append(f"{name:<26}{scores.ids:>6}{100 * scores.idf1:>8.1f}{100 * scores.hota:>8.1f}")
    return "\n".join([*lines, f"percent, over all cameras; the ground truth has {after.truth_ids} persons"])


def score_links(truth: Rows, tracks: Rows) -> LinkScores:
    """Score tracks with ids shared by all cameras.

    Args:
        truth: ground truth; rows with `confidence` 0 are ignored.
        tracks: for the same cameras.

    Raises:
        GalleryError: an id twice in a frame, of which TrackEval would count only one.
        StcaError: TrackEval is not installed.

    """
    for camera, rows in tracks.items():
        if len({(row.frame, row.track) for row in rows}) != len(rows):
            raise GalleryError("A track id occurs twice in a frame", where=camera)
    counted = {camera: [row for row in rows if row.confidence > 0] for camera, rows in truth.items()}
    data = trackeval_data(counted, tracks)
    trackeval = import_trackeval()
    with contextlib.redirect_stdout(io.StringIO()):
        identity = trackeval.metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(data)
        hota = trackeval.metrics.HOTA().eval_sequence(data)
    return LinkScores(
        idf1=float(identity["IDF1"]),
        idp=float(identity["IDP"]),
        idr=float(identity["IDR"]),
        hota=float(np.mean(hota["HOTA"])),
        deta=float(np.mean(hota["DetA"])),
        assa=float(np.mean(hota["AssA"])),
        ids=data["num_tracker_ids"],
        truth_ids=data["num_gt_ids"],
    )


def trackeval_data(truth: Rows, tracks: Rows, *, frames: int = 0) -> dict[str, Any]:
    """One sequence in the form of TrackEval's metrics: ids and IoUs per frame, camera after camera.

    Every camera has `frames` frames; 0: only the frames with boxes (others do not affect the scores).
    """
    true_ids, ids = (_numbers(side) for side in (truth, tracks))
    gt_ids, tracker_ids, similarity = [], [], []
    for camera in sorted(truth):
        mine, theirs = (rows_by_frame(side.get(camera, ())) for side in (truth, tracks))
        for frame in sorted({*mine, *theirs, *range(1, frames + 1)}):
            true, found = mine.get(frame, []), theirs.get(frame, [])
            gt_ids.append(np.array([true_ids[row.track] for row in true], dtype=int))
            tracker_ids.append(np.array([ids[row.track] for row in found], dtype=int))
            similarity.append(overlaps(corners(true), corners(found)))
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


def rows_by_frame(rows: Sequence[MotRow]) -> dict[int, list[MotRow]]:
    """Rows grouped by frame."""
    frames: dict[int, list[MotRow]] = {}
    for row in rows:
        frames.setdefault(row.frame, []).append(row)
    return frames


def corners(rows: Sequence[MotRow]) -> Float[np.ndarray, "N 4"]:
    """Left, top, right, bottom."""
    boxes = [(row.left, row.top, row.left + row.width, row.top + row.height) for row in rows]
    return np.array(boxes, dtype=float).reshape(-1, 4)


def _numbers(side: Rows) -> dict[int, int]:
    return {track: n for n, track in enumerate(sorted({row.track for rows in side.values() for row in rows}))}


def import_trackeval() -> ModuleType:
    """Import TrackEval.

    Raises:
        StcaError: TrackEval is not installed.

    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import trackeval
    except ImportError as error:
        raise StcaError(
            "Scoring against a ground truth needs TrackEval", found=error, hint="pip install trackeval"
        ) from error
    return trackeval  # type: ignore[no-any-return]
