"""Calibrate the score threshold below which a search has no match.

Each tracklet is used as a query twice: with the other tracklets of its person in the gallery (a mated search)
and without them (a non-mated search); see `stca.ranking.open_set`. Identities come from labels. Without
labels, the two halves of a tracklet are taken to be one person, and tracklets that overlap in time in one
camera to be different people. What people have corrected overrules both.
"""

from __future__ import annotations

import numpy as np

from stca.errors import GalleryError
from stca.gallery.calibration.calibration import Calibration
from stca.gallery.calibration.known_pairs import CalibrationSet, mate_masks
from stca.ranking.open_set import OpenSet, open_set_scores


def measure(known_pairs: CalibrationSet, *, across: bool = False) -> tuple[OpenSet, int]:
    """Run a mated and a non-mated search for every tracklet.

    Args:
        known_pairs: with at least one pair of the same person and one pair of different people.
        across: compare only tracklets of different cameras.

    Returns:
        the scores, and the number of gallery rows of the median non-mated search.

    Raises:
        GalleryError: no pair is known to be one person, or none to be different people.

    """
    right, impostor, rows = [], [], []
    for block, mates, non_mates in mate_masks(known_pairs, across=across):
        scores = known_pairs.vectors[block] @ known_pairs.vectors.T
        some = open_set_scores(scores, mates, non_mates)
        right.append(some[0])
        impostor.append(some[1])
        counts = non_mates.sum(axis=1)
        rows.append(counts[counts > 0])
    found = [np.concatenate(parts) if parts else np.empty(0) for parts in (right, impostor)]
    if not len(found[0]) or not len(found[1]):
        lacking = "the same person" if not len(found[0]) else "different people"
        raise GalleryError(
            f"No two tracklets are known to be of {lacking}",
            expected="labels, or several people in one camera at a time",
            found=f"{len(known_pairs.records)} tracklets",
            hint="--labels FILE.csv with columns key,person",
        )
    return OpenSet(*found), int(np.median(np.concatenate(rows)))


def calibrate(
    known_pairs: CalibrationSet, *, far: float = 0.01, across: bool = False
) -> tuple[Calibration, OpenSet]:
    """The threshold for a false-accept rate, and the search scores that it was computed from.

    Raises:
        GalleryError: no pair is known to be one person, or none to be different people.
        RankingError: `far` is not between 0 and 1.

    """
    searches, rows = measure(known_pairs, across=across)
    threshold = searches.threshold(far)
    calibration = Calibration(
        threshold=threshold,
        far=far,
        method=known_pairs.method or ("labels" if known_pairs.complete else "time split"),
        searches=len(searches.right),
        impostors=len(searches.impostor),
        rows=rows,
        dir_at_threshold=searches.identification_rate(threshold),
        dir_at_1=searches.dir_at_far(0.01),
        dir_at_10=searches.dir_at_far(0.10),
    )
    return calibration, searches
