"""YOLO: one row of numbers per cell of the feature maps (times three where cells have three anchors).

With objectness, a row is centre, size, objectness, class scores: YOLOX, YOLOv5, YOLOv6, YOLOv7. Without, it
is centre, size, class scores: YOLOv8, YOLOv9, YOLO11, YOLO12. What comes after the class scores (mask
coefficients, keypoints) is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stca.tracking.detectors.decoding.geometry import (
    PYRAMIDS,
    Coding,
    cell_coding,
    cells,
    corners,
    is_unit,
    num_cells,
    scale_of,
)
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
    strongest_of,
)

_COCO = 80


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the rows lie among the outputs.

    Args:
        index: of the output.
        channels_first: (1, n, A) instead of (1, A, n).
        strides: of the feature maps.
        anchors: rows per cell.

    """

    index: int
    channels_first: bool
    strides: tuple[int, ...]
    anchors: int

    def rows(self, outputs: Arrays) -> np.ndarray:
        """(A, n) of the first image of the batch."""
        rows: np.ndarray = outputs[self.index][0]
        return rows.T if self.channels_first else rows


def match_raw(probe: Probe) -> Match:
    """YOLOX as its own exporter leaves it: offsets in cells, logarithms of sizes."""
    return _with_objectness(probe, raw=True)


def match_objectness(probe: Probe) -> Match:
    """Decoded boxes with objectness: YOLOv5, YOLOv6, YOLOv7, YOLOX decoded in the network."""
    return _with_objectness(probe, raw=False)


def match_classes(probe: Probe) -> Match:
    """Decoded boxes without objectness: YOLOv8 and later."""
    table = _find(probe)
    if table is None:
        return None
    rows = table.rows([output.array for output in probe.outputs])
    if not probe.forced and _has_objectness(probe, table, rows.shape[1]) is True:
        return None
    count = _num_classes(probe, rows.shape[1] - 4)
    if count < 1 or table.anchors > 1:
        return None
    coding = cell_coding(rows[:, :4], cells(probe.size, table.strides), probe.size)
    if coding is None or coding == "offsets":
        return "boxes are no centres and sizes in pixels"
    if not are_scores(rows[:, 4 : 4 + count]):
        return "class scores are not between 0 and 1"
    return Layout(
        "yolov8",
        "YOLOv8 (class scores without objectness)",
        lambda outputs, size, person: _read(table.rows(outputs), size, coding, table, 4 + person, None),
        lambda outputs: strongest_of(table.rows(outputs)[:, 4 : 4 + count]),
        "unit-rgb",
        "letterbox",
        count,
    )


def _with_objectness(probe: Probe, *, raw: bool) -> Match:
    table = _find(probe)
    if table is None:
        return None
    rows = table.rows([output.array for output in probe.outputs])
    if not probe.forced and _has_objectness(probe, table, rows.shape[1]) is False:
        return None
    count = _num_classes(probe, rows.shape[1] - 5)
    if count < 1 or (raw and table.anchors > 1):
        return None
    coding = _coding(rows, table, probe.size)
    if coding is None:
        return "boxes are neither offsets from cells, nor pixels, nor fractions of the image"
    if (coding == "offsets") != raw:
        return None
    if not are_scores(rows[:, 4 : 5 + count]):
        return "objectness and class scores are not between 0 and 1"
    title, pixels, resize = _family(rows, table, coding)
    return Layout(
        "yolox-raw" if raw else "yolov5",
        title,
        lambda outputs, size, person: _read(table.rows(outputs), size, coding, table, 5 + person, 4),
        lambda outputs: strongest_of(_products(table.rows(outputs), count)),
        pixels,
        resize,
        count,
        contradiction=lambda outputs: _without_class(table.rows(outputs), count),
    )


def _family(rows: np.ndarray, table: _Table, coding: Coding) -> tuple[str, str, str]:
    """Title, pixels and resize mode of networks with objectness."""
    if coding == "offsets":
        return "YOLOX (raw offsets)", "raw-bgr", "letterbox"
    if table.anchors > 1:
        return "YOLOv5/YOLOv7 (objectness, anchors)", "unit-rgb", "letterbox"
    if np.abs(rows[:, 4] - 1).max(initial=0) < 1e-3:
        return "YOLOv6 (objectness always 1)", "unit-rgb", "letterbox"
    return "YOLOX (decoded boxes)", "raw-bgr", "letterbox"


def _find(probe: Probe) -> _Table | None:
    """The output with one row per cell; of two alike, the last (YOLOv9's main head)."""
    found = None
    if any(output.array.shape[2:] == (4,) for output in probe.outputs):
        return None  # boxes by themselves
    for index, output in enumerate(probe.outputs):
        shape = output.array.shape
        if len(shape) != 3 or shape[0] < 1:
            continue
        for strides in PYRAMIDS:
            number = num_cells(probe.size, strides)
            for anchors in (1, 3):
                for axis in (1, 2):
                    if number and shape[axis] == anchors * number and 5 <= shape[3 - axis] < shape[axis]:
                        found = _Table(index, axis == 2, strides, anchors)
    return found


def _has_objectness(probe: Probe, table: _Table, columns: int) -> bool | None:
    """Told by the number of columns; None where it cannot be."""
    if probe.num_names is not None:
        if columns == 5 + probe.num_names:
            return True
        if columns >= 4 + probe.num_names:
            return columns > 5 + probe.num_names and table.anchors > 1
    if table.anchors > 1:
        return True
    if columns in (5, 4 + _COCO):
        return False
    if table.channels_first:  # as YOLOv8 and later are exported
        return None if columns == 5 + _COCO else False
    return True  # as everything before is


def _num_classes(probe: Probe, columns: int) -> int:
    """Of `columns` after box and objectness: without the coefficients of masks."""
    if probe.num_names is not None and columns >= probe.num_names:
        return probe.num_names
    masks = [o.array.shape[1] for o in probe.outputs if o.array.ndim == 4 and o.array.shape[1] == 32]
    return columns - masks[0] if masks and columns > masks[0] else columns


def _coding(rows: np.ndarray, table: _Table, size: Size) -> Coding | None:
    if table.anchors == 1:
        return cell_coding(rows[:, :4], cells(size, table.strides), size)
    boxes = rows[np.isfinite(rows[:, :4]).all(axis=1), :4]
    if not len(boxes) or (boxes[:, 2:] < 0).any():
        return None
    if is_unit(boxes[:, :2]):
        return "unit"
    middle = np.median(boxes[:, :2], axis=0) / np.array([size[1], size[0]])
    return "pixels" if (np.abs(middle - 0.5) < 0.35).all() else None


def _read(
    rows: np.ndarray, size: Size, coding: Coding, table: _Table, person: int, objectness: int | None
) -> Candidates:
    scores = rows[:, person]
    if objectness is not None:
        scores = rows[:, objectness] * scores
    keep = np.flatnonzero(scores >= MIN_SCORE)
    boxes = rows[keep, :4].astype(np.float32)
    if coding == "offsets":
        grid = cells(size, table.strides)[keep]
        stride = grid[:, 2:]
        centre, sides = (boxes[:, :2] + grid[:, :2]) * stride, np.exp(boxes[:, 2:].clip(max=10)) * stride
        boxes = np.concatenate([centre, sides], axis=1)
    elif coding == "unit":
        boxes = boxes * scale_of(size)
    return candidates(corners(boxes), scores[keep])


def _products(rows: np.ndarray, count: int) -> np.ndarray:
    """(n, classes) scores of the rows that hold an object."""
    rows = rows[rows[:, 4] >= MIN_SCORE]
    products: np.ndarray = rows[:, 4:5] * rows[:, 5 : 5 + count]
    return products


def _without_class(rows: np.ndarray, count: int) -> str | None:
    """Objects that belong to no class: then the fifth column is not objectness but the first class."""
    certain = rows[rows[:, 4] > 0.5]
    if len(certain) >= 3 and (best := float(certain[:, 5 : 5 + count].max())) < 0.05:
        return f"objectness up to {certain[:, 4].max():.2f} where no class has a score above {best:.2f}"
    return None
