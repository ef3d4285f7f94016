"""Networks that return finished boxes in several outputs: boxes, scores, class ids, perhaps their number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stca.tracking.detectors.decoding.layout import Arrays, Layout, Match, Output, Probe, are_scores
from stca.tracking.detectors.decoding.rows import Columns, finished

_ORIGINAL_SIZES = "orig_target_sizes"


@dataclass(frozen=True, slots=True)
class _Parts:
    """Indices of the outputs; `count` where the network says how many of the boxes are any."""

    boxes: int
    scores: int
    classes: int
    count: int | None
    rows_first: bool = False

    def columns(self, outputs: Arrays) -> Columns:
        """The boxes of the first image."""
        parts = [outputs[i] for i in (self.boxes, self.scores, self.classes)]
        boxes, scores, classes = (part[0] for part in parts) if parts[0].ndim == 3 else parts
        if self.count is not None:
            end = int(outputs[self.count].reshape(-1)[0])
            boxes, scores, classes = boxes[:end], scores[:end], classes[:end]
        return (boxes[:, [1, 0, 3, 2]] if self.rows_first else boxes), scores, classes


def match_lists(probe: Probe) -> Match:
    """Boxes (1, N, 4), scores (1, N) and class ids (1, N), with or without the batch.

    RT-DETR and D-FINE with their post-processing, SSD of TensorFlow, torchvision; YOLOv6, YOLOv7 and YOLO-NAS
    with non-maximum suppression in the network.
    """
    parts = _find(probe.outputs)
    if parts is None:
        return None
    arrays = [output.array for output in probe.outputs]
    _, scores, classes = parts.columns(arrays)
    if not are_scores(scores) or (classes != np.round(classes)).any():
        return "they are not scores between 0 and 1 and class ids"
    return _family(probe, parts)


def match_dets_labels(probe: Probe) -> Match:
    """Boxes with scores (1, N, 5) and class ids (1, N): MMDetection, OpenVINO Training Extensions."""
    five = [i for i, output in enumerate(probe.outputs) if output.array.shape[-1:] == (5,)]
    five = [i for i in five if probe.outputs[i].array.ndim in (2, 3)]
    if len(five) != 1:
        return None
    shape = probe.outputs[five[0]].array.shape[:-1]
    ids = [i for i, output in enumerate(probe.outputs) if i != five[0] and output.array.shape == shape]
    if len(ids) != 1:
        return None

    def columns(outputs: Arrays) -> Columns:
        rows, classes = outputs[five[0]], outputs[ids[0]]
        if rows.ndim == 3:
            rows, classes = rows[0], classes[0]
        return rows[:, :4], rows[:, 4], classes

    arrays = [output.array for output in probe.outputs]
    if not are_scores(columns(arrays)[1]):
        return "the fifth column is not a score between 0 and 1"
    return finished(
        "dets-labels", "MMDetection (boxes with scores, class ids)", columns, None, "letterbox", person=0
    )


def _family(probe: Probe, parts: _Parts) -> Layout:
    names = " ".join(output.name for output in probe.outputs)
    name = "boxes-scores-labels"
    if parts.rows_first:
        return finished(name, "SSD (TensorFlow)", parts.columns, "raw-rgb", "stretch", person=1)
    if _ORIGINAL_SIZES in probe.inputs:
        return finished(name, "RT-DETR or D-FINE", parts.columns, "unit-rgb", "stretch", person=0)
    if parts.count is not None and ("num_det" in names or "num_predictions" in names):
        title = "YOLO with NMS in the network" if "num_det" in names else "YOLO-NAS (batch)"
        return finished(name, title, parts.columns, "unit-rgb", "letterbox", person=0)
    if probe.outputs[parts.boxes].array.ndim == 2:
        return finished(name, "torchvision", parts.columns, "unit-rgb", "letterbox", person=1)
    title = "boxes, scores and class ids"
    return finished(name, title, parts.columns, None, "letterbox", person=None)


def _find(outputs: tuple[Output, ...]) -> _Parts | None:
    tensorflow = {output.name.split(":")[0]: i for i, output in enumerate(outputs)}
    wanted = ("detection_boxes", "detection_scores", "detection_classes")
    if all(name in tensorflow for name in wanted):
        count = tensorflow.get("num_detections")
        first, second, third = (tensorflow[name] for name in wanted)
        return _Parts(first, second, third, count, rows_first=True)
    boxes = [i for i, output in enumerate(outputs) if _is_boxes(output)]
    if len(boxes) != 1:
        return None
    shape = outputs[boxes[0]].array.shape[:-1]
    lists = [i for i, output in enumerate(outputs) if i != boxes[0] and output.array.shape == shape]
    counts = [i for i, output in enumerate(outputs) if output.array.size == 1 and i not in lists]
    ids = [i for i in lists if _is_ids(outputs[i])]
    if len(lists) != 2 or len(ids) != 1:
        return None
    scores = lists[0] if lists[1] == ids[0] else lists[1]
    return _Parts(boxes[0], scores, ids[0], counts[0] if len(counts) == 1 else None)


def _is_boxes(output: Output) -> bool:
    shape = output.array.shape
    return shape[-1:] == (4,) and len(shape) in (2, 3)


def _is_ids(output: Output) -> bool:
    """By type, or by name where both lists are floats."""
    if output.array.dtype.kind in "iu":
        return True
    return any(word in output.name.lower() for word in ("class", "label", "idx"))
