"""DETR and its relatives: boxes and class scores of a fixed number of queries, in two outputs or in one.

Two outputs are also what YOLO-NAS and PP-YOLOE return without non-maximum suppression in the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stca.tracking.detectors.decoding.geometry import are_corners, corners, in_pixels, is_unit
from stca.tracking.detectors.decoding.layout import (
    COCO_80,
    COCO_91,
    MIN_SCORE,
    Arrays,
    Candidates,
    Layout,
    Match,
    Output,
    Probe,
    Size,
    are_scores,
    candidates,
    strongest_of,
)

_BOX_NAMES = ("box", "dets")
_CLASS_NAMES = ("logits", "labels", "scores", "classes")


@dataclass(frozen=True, slots=True)
class _Pair:
    """Where boxes (1, Q, 4) and class values (1, Q, classes) lie, and how they are coded.

    Args:
        boxes, classes: indices of the outputs.
        transposed: class values are (1, classes, Q).
        activation: "none" (they are scores), "sigmoid" or "softmax" (over classes and "no object").
        corners: boxes are left, top, right, bottom rather than centre and size.

    """

    boxes: int
    classes: int
    transposed: bool
    activation: str = "none"
    corners: bool = False

    def values(self, outputs: Arrays) -> np.ndarray:
        """(Q, classes) class values of the first image."""
        values: np.ndarray = outputs[self.classes][0]
        return values.T if self.transposed else values

    def scores(self, values: np.ndarray) -> np.ndarray:
        """(Q, classes) from 0 to 1; without "no object"."""
        if self.activation == "none":
            return values
        values = values.astype(np.float64)
        if self.activation == "sigmoid":
            scores: np.ndarray = 1 / (1 + np.exp(-values.clip(-50, 50)))
            return scores
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        scores = (powers / powers.sum(axis=1, keepdims=True))[:, :-1]
        return scores


def match_sigmoid(probe: Probe) -> Match:
    """Every class by itself: RT-DETR, D-FINE, RF-DETR, Deformable DETR; or scores: YOLO-NAS, PP-YOLOE."""
    return _match_pair(probe, softmax=False)


def match_softmax(probe: Probe) -> Match:
    """Classes exclude each other, the last is "no object": DETR, Conditional DETR, YOLOS."""
    return _match_pair(probe, softmax=True)


def match_rows(probe: Probe) -> Match:
    """One output (1, Q, 4 + classes), boxes in fractions of the image: RT-DETR as Ultralytics exports it."""
    tables = [output for output in probe.outputs if output.array.ndim == 3]
    if len(tables) != 1 or tables[0].array.shape[2] < 5:
        return None
    rows = tables[0].array[0]
    if not len(rows) or not (probe.forced or rows.any()):
        return None  # only networks that suppress boxes themselves return none
    index = probe.outputs.index(tables[0])
    count = rows.shape[1] - 4 if probe.num_names is None else min(probe.num_names, rows.shape[1] - 4)
    if not probe.forced and (not is_unit(rows[:, :4]) or _are_finished(rows)):
        return None
    if not are_scores(rows[:, 4 : 4 + count]):
        return "class scores are not between 0 and 1"

    def read(outputs: Arrays, size: Size, person: int) -> Candidates:
        found = outputs[index][0]
        scores = found[:, 4 + person]
        keep = scores >= MIN_SCORE
        return candidates(corners(in_pixels(found[keep, :4].astype(np.float32), size)), scores[keep])

    return Layout(
        "rt-detr",
        "RT-DETR (boxes and class scores in one output)",
        read,
        lambda outputs: strongest_of(outputs[index][0][:, 4 : 4 + count]),
        "unit-rgb",
        "stretch",
        count,
    )


def _are_finished(rows: np.ndarray) -> bool:
    """Whether the sixth column is a class id: whole in every row."""
    return rows.shape[1] >= 6 and bool((rows[:, 5] == np.round(rows[:, 5])).all())


def _match_pair(probe: Probe, *, softmax: bool) -> Match:
    found = _find(probe.outputs)
    if found is None:
        return None
    outputs = [output.array for output in probe.outputs]
    values = found.values(outputs)
    boxes = outputs[found.boxes][0]
    scores = are_scores(values)
    exclusive = not scores and _is_softmax(values)
    if (exclusive != softmax and not probe.forced) or (softmax and values.shape[1] < 2):
        return None
    if not softmax and not scores and is_unit(boxes) and (boxes < -1).any():
        return "boxes are neither fractions of the image nor pixels"
    activation = "softmax" if softmax else "none" if scores else "sigmoid"
    pair = _Pair(found.boxes, found.classes, found.transposed, activation, are_corners(boxes, probe.size))
    title, pixels, resize = _family(probe, pair, values.shape[1], is_unit(boxes))
    return Layout(
        "detr-softmax" if softmax else "detr",
        title,
        lambda outputs, size, person: _read(pair, outputs, size, person),
        lambda outputs: strongest_of(pair.scores(pair.values(outputs))),
        pixels,
        resize,
        values.shape[1] - softmax,
        _persons(title),
    )


def _persons(title: str) -> dict[int, int]:
    """RF-DETR has one value more than classes, so that 80 are not COCO's and 1 is none."""
    if title == "RF-DETR":
        return {91: 1}
    return dict(COCO_91 if title.endswith("DETR") else COCO_80)


def _is_softmax(values: np.ndarray) -> bool:
    """Whether most queries are certain to see nothing: the last of the exclusive classes says so."""
    if values.shape[1] == 92:
        return True
    if values.shape[1] < 2:
        return False
    nothing = (values.argmax(axis=1) == values.shape[1] - 1) & (values[:, -1] > 0)
    return float(nothing.mean()) > 0.5


def _family(probe: Probe, pair: _Pair, count: int, unit: bool) -> tuple[str, str | None, str]:
    """Title, pixels and resize mode."""
    names = {output.name for output in probe.outputs}
    if pair.activation == "none" and not unit:
        if pair.transposed:
            return "PP-YOLOE (class scores and boxes)", None, "stretch"
        return "YOLO-NAS (boxes and class scores)", "unit-rgb", "letterbox"
    if {"dets", "labels"} <= names:
        return "RF-DETR", "imagenet-rgb", "stretch"
    if pair.activation == "softmax" or count in (91, 92) or "pixel_mask" in probe.inputs:
        return "DETR", "imagenet-rgb", "stretch"
    return "RT-DETR or another DETR", "unit-rgb" if count in COCO_80 else None, "stretch"


def _find(outputs: tuple[Output, ...]) -> _Pair | None:
    """Boxes and class values, by the names of outputs or, where these say nothing, by their shapes."""
    if any(output.name.startswith("detection_") for output in outputs):
        return None  # TensorFlow's finished boxes, with what they were chosen from
    tables = [i for i, output in enumerate(outputs) if output.array.ndim == 3 and output.array.size]
    boxes = [i for i in tables if outputs[i].array.shape[2] == 4]
    named = [i for i in boxes if any(word in outputs[i].name.lower() for word in _BOX_NAMES)]
    if len(boxes) > 1:
        boxes = named or [i for i in boxes if is_unit(outputs[i].array) and outputs[i].array.min() >= -0.5]
    if len(boxes) != 1:
        return None
    others = [i for i in tables if i != boxes[0]]
    if len(others) > 1:
        others = [i for i in others if any(word in outputs[i].name.lower() for word in _CLASS_NAMES)]
    if len(others) != 1:
        return None
    queries, shape = outputs[boxes[0]].array.shape[1], outputs[others[0]].array.shape
    if queries not in shape[1:]:
        return None
    return _Pair(boxes[0], others[0], transposed=shape[1] != queries)


def _read(pair: _Pair, outputs: Arrays, size: Size, person: int) -> Candidates:
    values = pair.values(outputs)
    if pair.activation == "softmax":
        scores = pair.scores(values)[:, person]
    else:
        scores = pair.scores(values[:, person])
    keep = scores >= MIN_SCORE
    boxes = in_pixels(outputs[pair.boxes][0][keep].astype(np.float32), size)
    return candidates(boxes if pair.corners else corners(boxes), scores[keep])
