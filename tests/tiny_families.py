"""A tiny network for every family of detectors; each function writes one and returns its path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from tiny_detectors import CAR_SCORE, Tiny
from tiny_yolo import (
    CAR,
    COCO_CAR,
    background,
    car_box,
    finished_rows,
    lists,
    yolo_nas_batch,
    yolo_nas_flat,
    yolo_nas_raw,
    yolov5,
    yolov5_tensorflow,
    yolov6,
    yolov6_nms,
    yolov7_nms,
    yolov8,
    yolov9,
    yolov10,
    yolox_decoded,
    yolox_raw,
)

__all__ = [
    "CAR",
    "COCO_CAR",
    "FAMILIES",
    "background",
    "car_box",
    "detr",
    "detr_family",
    "finished_rows",
    "lists",
    "mmdetection",
    "paddle",
    "rf_detr",
    "rt_detr",
    "rt_detr_transformers",
    "rt_detr_ultralytics",
    "ssd_openvino",
    "ssd_tensorflow",
    "torchvision",
    "yolo_nas_batch",
    "yolo_nas_flat",
    "yolo_nas_raw",
    "yolov5",
    "yolov5_tensorflow",
    "yolov6",
    "yolov6_nms",
    "yolov7_nms",
    "yolov8",
    "yolov9",
    "yolov10",
    "yolox_decoded",
    "yolox_raw",
]


def rt_detr(path: Path) -> Path:
    """Post-processing in the network, with the image's size as second input; D-FINE has the same."""
    tiny = Tiny()
    sizes = tiny("Cast", "orig_target_sizes", to=TensorProto.FLOAT)
    scale = tiny(
        "Div", tiny("Concat", sizes, sizes, axis=1), np.float32([[*tiny.size[::-1], *tiny.size[::-1]]])
    )
    outputs = lists(tiny, ("boxes", "scores", "labels"), box=tiny("Mul", tiny.box, scale))
    extra = helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2])
    return tiny.save(path, {name: outputs[name] for name in ("labels", "boxes", "scores")}, extra=[extra])


def queries(tiny: Tiny, classes: int, person: int, *, nothing: bool = False) -> tuple[str, str]:
    """(1, 50, 4) centre and size in fractions, (1, 50, classes) logits, of the person, a car and 48 others."""
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0.1, 0.5, (49, 4)).astype(np.float32)
    logits = np.full((49, classes), -6.0, np.float32)
    if classes > COCO_CAR + 1:
        logits[0, person + COCO_CAR] = 3.0
    if nothing:
        logits[1:, -1] = 4.0
    seen = tiny("Sub", tiny("Mul", tiny.hot(classes, person), np.float32(9)), np.float32(6))
    every = tiny("Concat", tiny.centred(tiny.unit()), boxes, axis=0), tiny("Concat", seen, logits, axis=0)
    first, second = (tiny("Unsqueeze", each, np.array([0])) for each in every)
    return first, second


def detr_family(
    path: Path,
    pixels: str,
    names: tuple[str, str],
    classes: int,
    person: int = 0,
    *,
    nothing: bool = False,
    extra: tuple[Any, ...] = (),
    **options: Any,
) -> Path:
    tiny = Tiny(pixels, **options)
    boxes, logits = queries(tiny, classes, person, nothing=nothing)
    return tiny.save(path, {names[0]: boxes, names[1]: logits}, extra=extra)


def rt_detr_transformers(path: Path) -> Path:
    return detr_family(path, "unit-rgb", ("pred_boxes", "logits"), 80, name="pixel_values")


def rf_detr(path: Path, classes: int = 91, person: int = 1) -> Path:
    return detr_family(path, "imagenet-rgb", ("dets", "labels"), classes, person, name="input")


def detr(path: Path) -> Path:
    mask = helper.make_tensor_value_info("pixel_mask", TensorProto.INT64, [1, 128, 128])
    return detr_family(
        path,
        "imagenet-rgb",
        ("pred_boxes", "logits"),
        92,
        1,
        nothing=True,
        extra=(mask,),
        name="pixel_values",
    )


def rt_detr_ultralytics(path: Path, classes: int = 80, metadata: dict[str, str] | None = None) -> Path:
    tiny = Tiny()
    boxes, logits = queries(tiny, classes, 0)
    rows = tiny("Concat", boxes, tiny("Sigmoid", logits), axis=2)
    return tiny.save(path, {"output0": rows}, metadata=metadata)


def ssd_openvino(path: Path) -> Path:
    tiny = Tiny("raw-bgr")
    person = tiny("Mul", tiny.box, tiny.unit()[None])
    person = tiny("Concat", np.float32([[0, 1]]), tiny.score, person, axis=1)
    rows = tiny("Concat", np.float32([[0, 3, CAR_SCORE, *CAR]]), person, np.float32([[-1] + [0] * 6]), axis=0)
    return tiny.save(path, {"detection_out": tiny("Unsqueeze", rows, np.array([0, 1]))})


def ssd_tensorflow(path: Path) -> Path:
    """uint8, NHWC, sides free; top before left, classes as floats, and what they were chosen from."""
    tiny = Tiny(
        "raw-rgb",
        (640, 640),
        dtype="uint8",
        channels_last=True,
        shape=[1, "height", "width", 3],
        name="input_tensor",
    )
    box = tiny("Gather", tiny("Mul", tiny.box, tiny.unit()[None]), np.array([1, 0, 3, 2]), axis=1)
    names = ("detection_boxes", "detection_scores", "detection_classes")
    outputs = lists(tiny, names, person=1, box=box, dtype=np.float32)
    outputs |= {
        "num_detections": tiny("Identity", np.float32([2])),
        "detection_multiclass_scores": tiny("Identity", np.full((1, 2, 91), 0.01, np.float32)),
        "raw_detection_boxes": tiny("Identity", np.zeros((1, 9, 4), np.float32)),
    }
    return tiny.save(path, outputs)


def torchvision(path: Path) -> Path:
    """No batch, neither in nor out."""
    tiny = Tiny(shape=[3, 128, 128], name="image")
    outputs = lists(tiny, ("boxes", "scores", "labels"), batch=False, person=1)
    return tiny.save(path, {name: outputs[name] for name in ("boxes", "labels", "scores")})


def mmdetection(path: Path) -> Path:
    tiny = Tiny("imagenet-rgb", name="input")
    outputs = lists(tiny, ("boxes", "scores", "labels"))
    dets = tiny("Concat", outputs["boxes"], tiny("Unsqueeze", outputs["scores"], np.array([2])), axis=2)
    return tiny.save(path, {"dets": dets, "labels": outputs["labels"]})


def paddle(path: Path) -> Path:
    tiny = Tiny("imagenet-rgb", name="image")
    person = tiny("Concat", np.zeros((1, 1), np.float32), tiny.score, tiny.box, axis=1)
    rows = tiny("Concat", np.float32([[COCO_CAR, CAR_SCORE, *car_box(tiny)]]), person, axis=0)
    extra = helper.make_tensor_value_info("scale_factor", TensorProto.FLOAT, [1, 2])
    unscaled = tiny("Gather", "scale_factor", np.array([0]), axis=1)  # 1 where boxes are to stay as they are
    rows = tiny("Mul", rows, tiny("ReduceMean", unscaled, axes=[1], keepdims=1))
    return tiny.save(path, {"multiclass_nms3_0.tmp_0": rows}, extra=[extra])


FAMILIES: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "YOLOX": (yolox_raw, "YOLOX (raw", "raw-bgr"),
    "YOLOX decoded": (yolox_decoded, "YOLOX (decoded", "raw-bgr"),
    "YOLOv5, YOLOv7": (yolov5, "YOLOv5/YOLOv7", "unit-rgb"),
    "YOLOv5 of TensorFlow": (yolov5_tensorflow, "YOLOv5/YOLOv7", "unit-rgb"),
    "YOLOv6": (yolov6, "YOLOv6", "unit-rgb"),
    "YOLOv8, YOLO11, YOLO12": (yolov8, "YOLOv8", "unit-rgb"),
    "YOLOv8 transposed": (lambda path: yolov8(path, transposed=True), "YOLOv8", "unit-rgb"),
    "YOLOv8 segmentation": (lambda path: yolov8(path, extra=32), "YOLOv8", "unit-rgb"),
    "YOLOv9": (yolov9, "YOLOv8", "unit-rgb"),
    "YOLOv10, nms=True": (yolov10, "YOLOv10", "unit-rgb"),
    "YOLOv7 with NMS": (yolov7_nms, "YOLOv7 or YOLO-NAS with NMS", "unit-rgb"),
    "YOLOv6 with NMS": (yolov6_nms, "YOLO with NMS", "unit-rgb"),
    "YOLO-NAS": (yolo_nas_raw, "YOLO-NAS (boxes", "unit-rgb"),
    "YOLO-NAS flat": (yolo_nas_flat, "YOLO-NAS (flat", "raw-rgb"),
    "YOLO-NAS batch": (yolo_nas_batch, "YOLO-NAS (batch", "raw-rgb"),
    "RT-DETR, D-FINE": (rt_detr, "RT-DETR or D-FINE", "unit-rgb"),
    "RT-DETR of Transformers": (rt_detr_transformers, "RT-DETR", "unit-rgb"),
    "RT-DETR of Ultralytics": (rt_detr_ultralytics, "RT-DETR", "unit-rgb"),
    "RF-DETR": (rf_detr, "RF-DETR", "imagenet-rgb"),
    "DETR": (detr, "DETR", "imagenet-rgb"),
    "SSD of OpenVINO": (ssd_openvino, "SSD (OpenVINO)", "raw-bgr"),
    "SSD of TensorFlow": (ssd_tensorflow, "SSD (TensorFlow)", "raw-rgb"),
    "torchvision": (torchvision, "torchvision", "unit-rgb"),
}
"""Family -> what writes its network, how its description begins, the pixels it expects."""
