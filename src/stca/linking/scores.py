"""IDF1 and HOTA over several cameras at once, by TrackEval: one person must have one id in all of them.

The frames of all cameras are put one after another, as if they were one long video. A person of the ground
truth has one id throughout; so has a person that linking found, while tracks of single cameras have an id
each.
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
"""Camera to its boxes, as MOTChallenge rows."""


@dataclass(frozen=True, slots=True)
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


def score_linking(linking: Linking, truth: Rows) -> LinkScores:
    """Score a linking by its tracklets' boxes, which their side files hold.

    Args:
        linking: of a gallery, or `unlinked`.
        truth: its cameras' ground truth, as `read_truth` reads it; ids count across cameras.

    Raises:
        DatasetError: a camera without ground truth.
        GalleryError: no tracklet has boxes, or a person is twice in one frame.
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
            "There is no ground truth of some cameras",
            expected=", ".join(sorted(truth)),
            found=", ".join(strange),
            hint="name the folders of the ground truth as the cameras",
        )
    return score_links(truth, tracks)


def unlinked(linking: Linking) -> Linking:
    """Every tracklet a person of its own: what single cameras know."""
    return Linking(tuple((record,) for group in linking.persons for record in group), 1.0)


def read_truth(folder: Path) -> dict[str, tuple[MotRow, ...]]:
    """Read `CAMERA/gt/gt.txt` of every camera: MOTChallenge rows whose ids count across cameras.

    `stca data make-scene` writes such a folder.

    Raises:
        DatasetError: there is none, or one with a row that cannot be read.

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
    """For people."""
    lines = [f"{'':<26}{'ids':>6}{'IDF1':>8}{'HOTA':>8}"]
    for name, scores in (("tracks of single cameras", before), ("linked", after)):
        lines.append(f"{name:<26}{scores.ids:>6}{100 * scores.idf1:>8.1f}{100 * scores.hota:>8.1f}")
    return "\n".join([*lines, f"percent, over all cameras; the ground truth has {after.truth_ids} persons"])


def score_links(truth: Rows, tracks: Rows) -> LinkScores:
    """Score tracks whose ids count across cameras.

    Args:
        truth: ground truth; rows whose `confidence` is 0 count as nothing.
        tracks: for the same cameras.

    Raises:
        GalleryError: an id twice in one frame, of which TrackEval would count only one.
        StcaError: TrackEval is not installed.

    """
    for camera, rows in tracks.items():
        if len({(row.frame, row.track) for row in rows}) != len(rows):
            raise GalleryError("A person is twice in one frame, which no track is", where=camera)
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
    """One sequence, as TrackEval's metrics take it: ids and overlaps frame by frame, camera after camera.

    Every camera has `frames` of them; of others, those that boxes are in (one without any counts as nothing).
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
    """Rows of every frame."""
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
    """The package that scores.

    Raises:
        StcaError: it is not installed.

    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import trackeval
    except ImportError as error:
        raise StcaError(
            "Scoring against a ground truth needs TrackEval", found=error, hint="pip install trackeval"
        ) from error
    return trackeval  # type: ignore[no-any-return]
