"""Every family's network, made on the spot, finds a drawn person where it is, without any option."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_families as families
from stca.boxes import overlaps
from stca.errors import CheckpointError, ConfigError
from stca.tracking import Detections, DetectorOptions, TrackOptions, open_detector
from tiny_detectors import PERSON, PERSON_SCORE, Tiny, picture

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("cv2")


def assert_person(found: Detections, *, score: float = PERSON_SCORE) -> None:
    assert len(found) == 1, found
    assert overlaps(np.array([PERSON], float), found.boxes.astype(float))[0, 0] > 0.9
    assert found.scores[0] == pytest.approx(score, abs=0.06)


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_person_is_found(tmp_path: Path, family: str) -> None:
    write, title, pixels = families.FAMILIES[family]
    score = 0.973 if family == "DETR" else PERSON_SCORE  # softmax of the logit whose sigmoid is 0.9
    detector = open_detector(str(write(tmp_path / "network.onnx")))
    assert detector.description.startswith(title)
    assert f" {pixels}, " in detector.description
    assert "CPUExecutionProvider" in detector.description
    assert_person(detector.detect(picture()), score=score)
    assert len(detector.detect(np.full((240, 320, 3), 128, np.uint8))) == 0, "the car is no person"
    assert_person(detector.detect(picture()), score=score)


@pytest.mark.parametrize("write", [families.mmdetection, families.paddle])
def test_families_without_one_convention_ask_for_pixels(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path / "network.onnx")
    with pytest.raises(ConfigError, match="--pixels unit-rgb"):
        open_detector(str(path))
    assert_person(open_detector(str(path), pixels="imagenet-rgb").detect(picture()))


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"channels_last": True},
        {"dtype": "float16", "channels_last": True},
        {"shape": ["batch", 3, "height", "width"], "size": (640, 640)},
        {"shape": ["batch", 3, 128, 128]},
        {"shape": ["N", "H", "W", 3], "channels_last": True, "size": (640, 640)},
        {"size": (96, 160)},
        {"size": (160, 96)},
    ],
)
@pytest.mark.parametrize("write", [families.yolox_raw, families.yolov5, families.yolov8])
def test_types_orders_and_sizes_of_inputs(
    tmp_path: Path, write: Callable[..., Path], options: dict[str, Any]
) -> None:
    detector = open_detector(str(write(tmp_path / "network.onnx", **options)))
    assert_person(detector.detect(picture()))


def test_uint8(tmp_path: Path) -> None:
    detector = open_detector(str(families.yolox_raw(tmp_path / "n.onnx", dtype="uint8", channels_last=True)))
    assert "raw-bgr" in detector.description
    assert_person(detector.detect(picture()))
    with pytest.raises(ConfigError, match="raw-rgb or raw-bgr"):
        open_detector(str(tmp_path / "n.onnx"), pixels="unit-rgb")


def test_the_size_in_the_file_is_taken_where_the_shape_leaves_it_open(tmp_path: Path) -> None:
    options = {"shape": ["batch", 3, "height", "width"], "size": (96, 160)}
    path = families.yolov8(tmp_path / "n.onnx", metadata={"imgsz": "[96, 160]"}, **options)
    detector = open_detector(str(path))
    assert "letterbox to 160 x 96" in detector.description
    assert_person(detector.detect(picture()))


NAMES = "{0: 'car', 1: 'dog', 2: 'bus', 3: 'Person'}"


@pytest.mark.parametrize("extra", [0, 32, 51])
def test_class_names_in_the_file_decide(tmp_path: Path, extra: int) -> None:
    """They also say how many class scores there are before keypoints and masks."""
    path = families.yolov8(tmp_path / "n.onnx", 4, 3, {"names": NAMES, "task": "detect"}, extra=extra)
    detector = open_detector(str(path))
    assert "person is class 3 (of 4 names in the file)" in detector.description
    assert_person(detector.detect(picture()))


def test_names_without_a_person(tmp_path: Path) -> None:
    path = families.yolov8(tmp_path / "n.onnx", 3, 1, {"names": "['car', 'rider', 'bus']"})
    with pytest.raises(ConfigError, match="0 car, 1 rider, 2 bus") as error:
        open_detector(str(path))
    assert "--person-class N" in str(error.value)
    assert_person(open_detector(str(path), person_class=1).detect(picture()))
    with pytest.raises(ConfigError, match="from 0 to 2"):
        open_detector(str(path), person_class=3)


@pytest.mark.parametrize("classes", [2, 4, 8, 79])
def test_other_numbers_of_classes_ask_for_the_person(tmp_path: Path, classes: int) -> None:
    """Of RF-DETR with 4, boxes and classes have the same shape, and only their names tell them apart."""
    path = families.rf_detr(tmp_path / "n.onnx", classes, 1)
    with pytest.raises(ConfigError, match="--person-class N"):
        open_detector(str(path))
    assert_person(open_detector(str(path), person_class=1).detect(picture()))
    assert len(open_detector(str(path), person_class=0).detect(picture())) == 0


def test_a_fine_tuned_detr_asks_for_both(tmp_path: Path) -> None:
    path = families.detr_family(tmp_path / "n.onnx", "imagenet-rgb", ("pred_boxes", "logits"), 5, 2)
    with pytest.raises(ConfigError, match="--person-class"):
        open_detector(str(path))
    with pytest.raises(ConfigError, match="--pixels"):
        open_detector(str(path), person_class=2)
    assert_person(open_detector(str(path), person_class=2, pixels="imagenet-rgb").detect(picture()))


def test_exclusive_classes_are_told_by_the_queries_that_see_nothing(tmp_path: Path) -> None:
    path = families.detr_family(
        tmp_path / "n.onnx", "imagenet-rgb", ("pred_boxes", "logits"), 6, 2, nothing=True
    )
    assert_person(open_detector(str(path), person_class=2).detect(picture()), score=0.998)
    with pytest.raises(ConfigError, match="from 0 to 4"):  # the last is no class
        open_detector(str(path), person_class=5)


@pytest.mark.parametrize("names", [None, "['person', 'car']"])
def test_two_classes_of_rt_detr_are_not_score_and_class(tmp_path: Path, names: str | None) -> None:
    """(1, 50, 6) as YOLOv10 has it: only the values tell."""
    path = families.rt_detr_ultralytics(tmp_path / "n.onnx", 2, names and {"names": names})
    detector = open_detector(str(path), person_class=0)
    assert detector.description.startswith("RT-DETR")
    assert_person(detector.detect(picture()))


def test_a_batch_of_four(tmp_path: Path) -> None:
    """Outputs for the first image count."""
    tiny = Tiny(shape=[4, 3, 128, 128])
    rows = tiny("Unsqueeze", families.finished_rows(tiny, 30), np.array([0]))
    path = tiny.save(tmp_path / "n.onnx", {"output0": tiny("Expand", rows, np.array([4, 30, 6]))})
    assert_person(open_detector(str(path)).detect(picture()))


def test_the_options_are_carried_to_tracking(tmp_path: Path) -> None:
    path = families.rf_detr(tmp_path / "n.onnx", 4, 1)
    with pytest.raises(ConfigError, match="--person-class"):
        TrackOptions(detector=str(path)).open_detector()
    options = TrackOptions(detector=str(path), detector_options=DetectorOptions(person_class=1))
    assert_person(options.open_detector().detect(picture()))


def test_people_that_are_never_seen_beside_others_are_worth_a_warning(tmp_path: Path) -> None:
    """The class was assumed: another one is seen all the time."""
    empty = np.full((240, 320, 3), 128, np.uint8)
    detector = open_detector(str(families.yolov10(tmp_path / "n.onnx")))
    with pytest.warns(UserWarning, match="--person-class 2"):  # noqa: PT031
        for _ in range(25):
            detector.detect(empty)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({"person_class": 0}, {}):
            detector = open_detector(str(tmp_path / "n.onnx"), **options)
            for _ in range(25):
                detector.detect(empty if options else picture())


@pytest.mark.parametrize("family", ["YOLOv8, YOLO11, YOLO12", "RF-DETR", "YOLOX"])
def test_the_wrong_pixels_would_find_nobody(tmp_path: Path, family: str) -> None:
    """So that the tests above prove the convention, not only the boxes."""
    write, _, right = families.FAMILIES[family]
    path = str(write(tmp_path / "network.onnx"))
    for pixels in ("unit-rgb", "imagenet-rgb", "raw-rgb", "raw-bgr"):
        found = open_detector(path, pixels=pixels).detect(picture())
        assert len(found) == (pixels == right), pixels


def test_a_task_without_upright_boxes(tmp_path: Path) -> None:
    path = families.yolov8(tmp_path / "n.onnx", metadata={"task": "obb"})
    with pytest.raises(CheckpointError, match="obb"):
        open_detector(str(path))
