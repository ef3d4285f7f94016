"""Networks that return rows of finished boxes: coordinates, score and class id."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stca.tracking.detectors.decoding.geometry import in_pixels
from stca.tracking.detectors.decoding.layout import (
    MIN_SCORE,
    Arrays,
    Candidates,
    Layout,
    Match,
    Probe,
    Size,
    are_scores,
    candidates,
)

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(n, 4) left, top, right, bottom; (n,) scores; (n,) class ids."""


def match_ssd(probe: Probe) -> Match:
    """(1, 1, N, 7) image, class, score, left, top, right, bottom in fractions: OpenVINO's DetectionOutput."""
    index = _only(probe, lambda shape: len(shape) == 4 and shape[:2] == (1, 1) and shape[3] == 7)
    if index is None:
        return None
    _, scores, _ = _ssd(probe.outputs[index].array)
    if not are_scores(scores):
        return "the third column is not a score between 0 and 1"
    return finished("ssd", "SSD (OpenVINO)", _one(index, _ssd), "raw-bgr", "stretch", person=1)


def match_end_to_end(probe: Probe) -> Match:
    """(1, N, 6 or more) left, top, right, bottom, score, class: YOLOv10, and `nms=True` of Ultralytics.

    Two-dimensional (N, 6) rows are class, score, left, top, right, bottom in networks of PaddleDetection.
    """
    index = _only(probe, lambda shape: (len(shape) == 3 and shape[2] >= 6) or shape[1:] == (6,))
    if index is None or any(output.array.shape[2:] == (4,) for output in probe.outputs):
        return None
    array = probe.outputs[index].array
    if array.ndim == 2 and "scale_factor" in probe.inputs:
        return finished("yolov10", "PaddleDetection", _one(index, _paddle), None, "stretch", person=0)
    if array.shape[-1] > 6 and probe.num_names is None and not array.any():
        return None  # zeros of any meaning
    _, scores, classes = _end_to_end(array)
    if not are_scores(scores) or not are_ids(classes):
        return "columns 5 and 6 are not a score between 0 and 1 and a class id"
    return finished(
        "yolov10",
        "YOLOv10 or NMS in the network (boxes, score, class)",
        _one(index, _end_to_end),
        "unit-rgb",
        "letterbox",
        person=0,
    )


def match_flat(probe: Probe) -> Match:
    """(N, 7) image, left, top, right, bottom, then class and score (YOLOv7) or score and class (YOLO-NAS).

    The values tell which of the two.
    """
    index = _only(probe, lambda shape: len(shape) == 2 and shape[1] == 7)
    if index is None:
        return None
    if "classid_score" in probe.outputs[index].name:
        columns = _one(index, _class_score_box)
        return finished("yolov7-nms", "PINTO model zoo", columns, None, "letterbox", person=0)
    title = "YOLO-NAS (flat)" if "flat" in probe.outputs[index].name else "YOLOv7 or YOLO-NAS with NMS"
    return finished("yolov7-nms", title, _one(index, _flat), "unit-rgb", "letterbox", person=0)


def finished(
    name: str,
    title: str,
    columns: Callable[[Arrays], Columns],
    pixels: str | None,
    resize: str,
    *,
    person: int | None,
) -> Layout:
    """A layout of finished boxes; `columns` takes the outputs apart."""

    def read(outputs: Arrays, size: Size, person: int) -> Candidates:
        boxes, scores, classes = columns(outputs)
        keep = (scores >= MIN_SCORE) & (classes == person)
        return candidates(in_pixels(boxes[keep].astype(np.float32), size), scores[keep])

    def strongest(outputs: Arrays) -> tuple[int, float]:
        _, scores, classes = columns(outputs)
        if not len(scores):
            return 0, 0.0
        best = int(np.argmax(scores))
        return int(classes[best]), float(scores[best])

    def contradiction(outputs: Arrays) -> str | None:
        _, scores, classes = columns(outputs)
        if are_scores(scores) and are_ids(classes):
            return None
        return "columns that are no scores between 0 and 1 and no class ids"

    return Layout(
        name, title, read, strongest, pixels, resize, assumed_person=person, contradiction=contradiction
    )


def _only(probe: Probe, fits: Callable[[tuple[int, ...]], bool]) -> int | None:
    """Index of the only output whose shape fits; others may be masks or counts."""
    found = [i for i, output in enumerate(probe.outputs) if fits(output.array.shape)]
    return found[0] if len(found) == 1 else None


def _one(index: int, columns: Callable[[np.ndarray], Columns]) -> Callable[[Arrays], Columns]:
    return lambda outputs: columns(outputs[index])


def are_ids(classes: np.ndarray) -> bool:
    """Whether all values are whole numbers from -1, which stands for no class."""
    return bool((classes == np.round(classes)).all() and (classes >= -1).all())


def _ssd(array: np.ndarray) -> Columns:
    rows = array[0, 0]
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if len(ends) else rows
    rows = rows[rows[:, 0] == 0]
    return rows[:, 3:], rows[:, 2], rows[:, 1]


def _end_to_end(array: np.ndarray) -> Columns:
    rows = array[0] if array.ndim == 3 else array
    return rows[:, :4], rows[:, 4], rows[:, 5]


def _paddle(array: np.ndarray) -> Columns:
    return array[:, 2:], array[:, 1], array[:, 0]


def _class_score_box(array: np.ndarray) -> Columns:
    rows = array[array[:, 0] == 0]
    return rows[:, 3:], rows[:, 2], rows[:, 1]


def _flat(array: np.ndarray) -> Columns:
    rows = array[array[:, 0] == 0]
    first, second = rows[:, 5], rows[:, 6]
    # A score is above 0 and at most 1, a class id whole: a row valid in both orders is (1, 1). Rows of zeros
    # fill the table up.
    used = first[(first != 0) | (second != 0)]
    if bool(((used > 0) & (used <= 1)).all()) and are_ids(second):
        return rows[:, 1:5], first, second
    return rows[:, 1:5], second, first
