"""Tiny networks of the YOLO families; each function writes one and returns its path."""

from pathlib import Path
from typing import Any

import numpy as np

from tiny_detectors import CAR_SCORE, Tiny, cells

CAR = (0.1, 0.1, 0.4, 0.3)
"""Left, top, right, bottom of the car, in fractions of the input."""

COCO_CAR = 2


def background(
    size: tuple[int, int], classes: int, *, objectness: float | None, raw: bool = False
) -> np.ndarray:
    """(A, n): nothing anywhere, but a car in cell 3."""
    grid = cells(size)
    boxes = np.column_stack([(grid[:, :2] + 0.5) * grid[:, 2:], np.repeat(2 * grid[:, 2:], 2, axis=1)])
    if raw:
        boxes = np.tile(np.float32([0.5, 0.5, -0.7, -0.7]), (len(grid), 1))
    scores = np.full((len(grid), classes), 0.01)
    if classes > COCO_CAR:
        scores[3, COCO_CAR] = CAR_SCORE
    columns = [boxes, scores]
    if objectness is not None:
        certain = np.full((len(grid), 1), objectness)
        certain[3] = 1.0
        columns.insert(1, certain)
    return np.concatenate(columns, axis=1).astype(np.float32)


def car_box(tiny: Tiny) -> np.ndarray:
    """In pixels of the input."""
    return np.float32(CAR) / tiny.unit()


def one() -> np.ndarray:
    return np.ones((1, 1), np.float32)


def yolox_raw(path: Path, classes: int = 80, **options: Any) -> Path:
    tiny = Tiny("raw-bgr", **options)
    table = background(tiny.size, classes, objectness=0.01, raw=True)
    centred = tiny.centred(1 / 8)
    offset = tiny("Sub", centred, tiny("Floor", centred))
    sides = tiny("Log", tiny("Max", centred, np.float32(0.01)))
    row = tiny("Where", np.array([[True, True, False, False]]), offset, sides)
    row = tiny("Concat", row, one(), tiny.hot(classes), axis=1)
    return tiny.save(path, {"output": tiny("Unsqueeze", tiny.on_cells(row, table), np.array([0]))})


def objectness_rows(tiny: Tiny, classes: int, objectness: float, *, scale: float | np.ndarray = 1.0) -> str:
    """(1, A, 5 + classes) decoded."""
    row = tiny("Concat", tiny.centred(scale), one(), tiny.hot(classes), axis=1)
    table = background(tiny.size, classes, objectness=objectness)
    table[:, :4] *= scale
    return tiny("Unsqueeze", tiny.on_cells(row, table), np.array([0]))


def yolox_decoded(path: Path, **options: Any) -> Path:
    tiny = Tiny("raw-bgr", **options)
    return tiny.save(path, {"output": objectness_rows(tiny, 80, 0.01)})


def yolov5(path: Path, **options: Any) -> Path:
    """Three anchors a cell; beside it the feature maps, as older versions leave them."""
    tiny = Tiny(**options)
    rows = objectness_rows(tiny, 80, 0.01)
    maps = np.zeros((1, 3, 16, 16, 85), np.float32)
    return tiny.save(
        path, {"output": tiny("Concat", rows, rows, rows, axis=1), "345": tiny("Identity", maps)}
    )


def yolov5_tensorflow(path: Path) -> Path:
    """NHWC, boxes in fractions of the image."""
    tiny = Tiny(channels_last=True)
    rows = objectness_rows(tiny, 80, 0.01, scale=tiny.unit())
    return tiny.save(path, {"Identity": tiny("Concat", rows, rows, rows, axis=1)})


def yolov6(path: Path) -> Path:
    tiny = Tiny()
    return tiny.save(path, {"outputs": objectness_rows(tiny, 80, 1.0)})


def class_rows(tiny: Tiny, classes: int, *, person: int = 0, extra: int = 0) -> str:
    """(A, 4 + classes + extra)."""
    parts = [tiny.centred(), tiny.hot(classes, person)]
    table = background(tiny.size, classes, objectness=None)
    if extra:
        parts.append(np.full((1, extra), -3.0, np.float32))
        table = np.concatenate([table, np.full((len(table), extra), 5.0, np.float32)], axis=1)
    return tiny.on_cells(tiny("Concat", *parts, axis=1), table)


def yolov8(
    path: Path,
    classes: int = 80,
    person: int = 0,
    metadata: dict[str, str] | None = None,
    *,
    transposed: bool = False,
    extra: int = 0,
    **options: Any,
) -> Path:
    tiny = Tiny(**options)
    rows = class_rows(tiny, classes, person=person, extra=extra)
    rows = rows if transposed else tiny("Transpose", rows, perm=[1, 0])
    outputs = {"output0": tiny("Unsqueeze", rows, np.array([0]))}
    if extra == 32:
        outputs["output1"] = tiny("Identity", np.zeros((1, 32, 32, 32), np.float32))
    return tiny.save(path, outputs, metadata=metadata)


def yolov9(path: Path) -> Path:
    """Two heads; the auxiliary one, which comes first, sees nothing."""
    tiny = Tiny()
    rows = tiny("Unsqueeze", tiny("Transpose", class_rows(tiny, 80), perm=[1, 0]), np.array([0]))
    nothing = background(tiny.size, 80, objectness=None).T[None]
    return tiny.save(path, {"output0": tiny("Identity", nothing), "1799": rows})


def finished_rows(tiny: Tiny, number: int, *, class_first: bool = False, car: int = COCO_CAR) -> str:
    """(number, 6): the car, the person, zeros."""
    pair = [tiny.score, np.zeros((1, 1), np.float32)]
    person = tiny("Concat", tiny.box, *(pair[::-1] if class_first else pair), axis=1)
    ends = [car, CAR_SCORE] if class_first else [CAR_SCORE, car]
    other = np.float32([*car_box(tiny), *ends])[None]
    return tiny("Concat", other, person, np.zeros((number - 2, 6), np.float32), axis=0)


def yolov10(path: Path, metadata: dict[str, str] | None = None, car: int = COCO_CAR) -> Path:
    tiny = Tiny()
    rows = tiny("Unsqueeze", finished_rows(tiny, 300, car=car), np.array([0]))
    return tiny.save(path, {"output0": rows}, metadata=metadata)


def yolov7_nms(path: Path) -> Path:
    """(N, 7) with as many rows as there are boxes: none for an empty image."""
    tiny = Tiny()
    rows = tiny("Concat", np.zeros((2, 1), np.float32), finished_rows(tiny, 2, class_first=True), axis=1)
    some = tiny("Greater", tiny("Concat", tiny.score, tiny.score, axis=0), np.float32(0.1))
    return tiny.save(path, {"output": tiny("Compress", rows, tiny("Squeeze", some, np.array([1])), axis=0)})


def yolo_nas_flat(path: Path) -> Path:
    tiny = Tiny("raw-rgb", dtype="uint8", name="input")
    rows = tiny("Concat", np.zeros((2, 1), np.float32), finished_rows(tiny, 2), axis=1)
    return tiny.save(path, {"graph2_flat_predictions": rows})


def lists(
    tiny: Tiny, names: tuple[str, str, str], *, batch: bool = True, person: int = 0, **parts: Any
) -> dict:
    """Boxes, scores and class ids of the car and the person."""
    boxes = tiny("Concat", car_box(tiny)[None], parts.get("box") or tiny.box, axis=0)
    scores = tiny("Concat", np.float32([CAR_SCORE]), tiny("Squeeze", tiny.score, np.array([1])), axis=0)
    classes = tiny("Identity", np.array([COCO_CAR + person, person], parts.get("dtype", np.int64)))
    every = (boxes, scores, classes)
    if batch:
        every = tuple(tiny("Unsqueeze", each, np.array([0])) for each in every)
    return dict(zip(names, every, strict=True))


def yolov6_nms(path: Path) -> Path:
    tiny = Tiny()
    outputs = {"num_dets": tiny("Identity", np.array([[2]], np.int32))}
    outputs |= lists(tiny, ("det_boxes", "det_scores", "det_classes"), dtype=np.int32)
    return tiny.save(path, outputs)


def yolo_nas_batch(path: Path) -> Path:
    tiny = Tiny("raw-rgb", dtype="uint8", name="input")
    names = ("graph2_pred_boxes", "graph2_pred_scores", "graph2_pred_classes")
    outputs = {"graph2_num_predictions": tiny("Identity", np.array([[2]], np.int64)), **lists(tiny, names)}
    return tiny.save(path, outputs)


def yolo_nas_raw(path: Path) -> Path:
    """Corners in pixels and scores in two outputs."""
    tiny = Tiny()
    table = background(tiny.size, 80, objectness=None)
    boxes = np.concatenate([table[:, :2] - table[:, 2:4] / 2, table[:, :2] + table[:, 2:4] / 2], axis=1)
    found = [tiny.on_cells(tiny.box, boxes), tiny.on_cells(tiny.hot(80), table[:, 4:])]
    names = ("boxes", "scores")
    return tiny.save(
        path, {n: tiny("Unsqueeze", f, np.array([0])) for n, f in zip(names, found, strict=True)}
    )
