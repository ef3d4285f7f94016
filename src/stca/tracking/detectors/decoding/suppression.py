"""Non-maximum suppression, and whether boxes are possible at all."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from stca.boxes import overlaps
from stca.tracking.detectors.decoding.layout import Candidates, Size
from stca.tracking.detectors.detections import NOTHING, Detections

_NMS_OVERLAP = 0.6
_MOST_CANDIDATES = 1000


def suppress(
    boxes: Float32[np.ndarray, "n 4"], scores: Float32[np.ndarray, " n"], *, overlap: float = _NMS_OVERLAP
) -> Detections:
    """Non-maximum suppression: drop boxes that overlap a better one by more than `overlap` (IoU).

    Boxes that are not finite or have no area are dropped too, and all but the thousand best before anything
    else. The best come first.
    """
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    sound &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, scores = boxes[sound], scores[sound]
    if not len(boxes):
        return NOTHING
    order = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    boxes, scores = boxes[order], scores[order]
    covered = overlaps(boxes, boxes) > overlap
    alive = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if alive[i]:
            alive[i + 1 :] &= ~covered[i, i + 1 :]
    return Detections(boxes[alive], scores[alive])


def check_possible(found: Candidates, size: Size) -> str | None:
    """Why boxes cannot be what a detector found in an image of that size; None where they can.

    Single odd boxes are normal; most of them being impossible means that they are read in the wrong way.
    """
    if not len(found.scores):
        return None
    if float(found.scores.max()) > 1.01:
        return f"a score of {float(found.scores.max()):.2f}; scores lie between 0 and 1"
    boxes = found.boxes.astype(np.float64)
    limits = np.array([size[1], size[0]], np.float64)
    with np.errstate(invalid="ignore"):
        sides, centres = boxes[:, 2:] - boxes[:, :2], (boxes[:, :2] + boxes[:, 2:]) / 2
        possible = (sides > 1).all(axis=1) & (sides < 2 * limits).all(axis=1)
        possible &= ((centres > -0.1 * limits) & (centres < 1.1 * limits)).all(axis=1)
    if possible.mean() >= 0.5:
        return None
    worst = boxes[np.flatnonzero(~possible)[0]].round(1).tolist()
    return (
        f"{int((~possible).sum())} of {len(boxes)} boxes lie outside the input of {size[0]} x {size[1]} "
        f"or have no possible size, e.g. {worst}"
    )
