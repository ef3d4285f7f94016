"""Networks made on the spot return known numbers; decoding is compared with loops."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stca.boxes import overlaps, read_mot
from stca.errors import CheckpointError, ConfigError, StcaError
from stca.footage.video import read_video
from stca.tools.openvino_import import openvino_core
from stca.tracking import Detections, open_detector
from stca.tracking.detectors import openvino as openvino_detector
from stca.tracking.detectors.decoding import MIN_SCORE, suppress
from stca.tracking.detectors.pixels import Pixels, prepare

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_network(
    path: Path, outputs: Sequence[np.ndarray], size: tuple[int, int] = (64, 96), *, channels: int = 3
) -> Path:
    """An ONNX file that returns these arrays whatever it sees."""
    from onnx import TensorProto, helper, numpy_helper

    names = [f"out{i}" for i in range(len(outputs))]
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, f"{name}_value"))
            for name, array in zip(names, outputs, strict=True)
        ],
        "fixed",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, channels, *size])],
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape)
            for n, a in zip(names, outputs, strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def slow_nms(
    boxes: list[list[float]], scores: list[float], overlap: float = 0.6
) -> list[tuple[list[float], float]]:
    rest = sorted(zip(boxes, scores, strict=True), key=lambda pair: -pair[1])
    kept: list[tuple[list[float], float]] = []
    for box, score in rest:
        if all(slow_iou(box, other) <= overlap for other, _ in kept):
            kept.append((box, score))
    return kept


def slow_iou(a: Sequence[float], b: Sequence[float]) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - across * down
    return across * down / area


def same(found: Detections, wanted: list[tuple[list[float], float]]) -> None:
    assert len(found) == len(wanted) > 0
    np.testing.assert_allclose(found.boxes, [box for box, _ in wanted], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.scores, [score for _, score in wanted], rtol=1e-4)


IMAGE = np.zeros((128, 288, 3), np.uint8)
"""Of another shape than the networks' 64 x 96: a third of it fits, and grey is below."""


@pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16, 32, 64)])
def test_yolox(tmp_path: Path, strides: tuple[int, ...]) -> None:
    size = (64, 128)
    image = np.zeros((128, 384, 3), np.uint8)
    rng = np.random.default_rng(0)
    cells = sum((size[0] // s) * (size[1] // s) for s in strides)
    rows = rng.normal(0, 0.5, (1, cells, 5 + 80)).astype(np.float32)
    rows[..., 4:] = rng.uniform(0, 1, rows[..., 4:].shape)
    found = open_detector(str(write_network(tmp_path / "yolox.onnx", [rows], size))).detect(image)

    boxes, scores, index = [], [], 0
    for stride in strides:
        for y in range(size[0] // stride):
            for x in range(size[1] // stride):
                row = rows[0, index].tolist()
                index += 1
                middle_x, middle_y = (row[0] + x) * stride, (row[1] + y) * stride
                width, height = math.exp(row[2]) * stride, math.exp(row[3]) * stride
                if row[4] * row[5] >= MIN_SCORE:
                    corners = (
                        middle_x - width / 2,
                        middle_y - height / 2,
                        middle_x + width / 2,
                        middle_y + height / 2,
                    )
                    boxes.append([3 * side for side in corners])  # the image is three times as wide
                    scores.append(row[4] * row[5])
    same(found, slow_nms(boxes, scores))


@pytest.mark.parametrize("classes", [1, 80, 91, 92])
@pytest.mark.parametrize("boxes_first", [True, False])
def test_detr(tmp_path: Path, classes: int, boxes_first: bool) -> None:
    rng = np.random.default_rng(classes)
    boxes = rng.uniform(0.1, 0.5, (1, 40, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (1, 40, classes)).astype(np.float32)
    outputs = [boxes, logits] if boxes_first else [logits, boxes]
    found = open_detector(str(write_network(tmp_path / "detr.onnx", outputs))).detect(IMAGE)

    person = 1 if classes in (91, 92) else 0
    kept, scores = [], []
    for (x, y, w, h), row in zip(boxes[0].tolist(), logits[0].tolist(), strict=True):
        if classes == 92:
            score = math.exp(row[person]) / sum(math.exp(each) for each in row)
        else:
            score = 1 / (1 + math.exp(-row[person]))
        if score >= MIN_SCORE:
            kept.append([288 * (x - w / 2), 128 * (y - h / 2), 288 * (x + w / 2), 128 * (y + h / 2)])
            scores.append(score)
    same(found, slow_nms(kept, scores))


def test_ssd(tmp_path: Path) -> None:
    rows = np.array(
        [
            [0, 1, 0.9, 0.1, 0.2, 0.3, 0.8],
            [0, 2, 0.9, 0.1, 0.2, 0.3, 0.8],  # another class
            [0, 1, 0.01, 0.5, 0.2, 0.6, 0.8],  # too weak
            [0, 1, 0.5, 0.4, 0.2, 0.4, 0.8],  # no area
            [0, 1, 0.6, 0.7, 0.2, 0.9, 0.8],
            [-1, 0, 0, 0, 0, 0, 0],  # the end
            [0, 1, 0.9, 0.1, 0.2, 0.3, 0.8],
        ],
        np.float32,
    )
    found = open_detector(str(write_network(tmp_path / "ssd.onnx", [rows[None, None]]))).detect(IMAGE)
    same(found, [([28.8, 25.6, 86.4, 102.4], 0.9), ([201.6, 25.6, 259.2, 102.4], 0.6)])


def test_nothing_is_found(tmp_path: Path) -> None:
    rows = np.full((1, 126, 6), -9, np.float32)
    rows[..., 4:] = 0
    found = open_detector(str(write_network(tmp_path / "yolox.onnx", [rows]))).detect(IMAGE)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_boxes_that_are_not_finite_are_dropped() -> None:
    boxes = np.tile(np.array([1.0, 2.0, 30.0, 40.0], np.float32), (6, 1))
    boxes[0, 2], boxes[1, 0], boxes[2, 3] = np.nan, -np.inf, 2.0
    scores = np.array([0.9, 0.9, 0.9, np.nan, 0.6, 0.5], np.float32)
    same(suppress(boxes, scores), [([1.0, 2.0, 30.0, 40.0], 0.6)])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_network_that_returns_nan_or_infinity_is_an_error(tmp_path: Path, wrong: float) -> None:
    """As of a network in float16 that overflows."""
    rows = np.full((1, 126, 6), 0.2, np.float32)
    rows[..., 2] = -1.0
    rows[0, :, :2] = wrong
    rows[0, -1, :2] = 0.0  # the only cell that tells what the others would be
    rows[..., 4:] = 0.9
    detector = open_detector(str(write_network(tmp_path / "yolox.onnx", [rows])))
    with pytest.raises(CheckpointError, match="126 boxes lie outside") as error:
        detector.detect(IMAGE)
    assert "--layout" in str(error.value)


def test_suppress_keeps_the_best() -> None:
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 100, (60, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 60, (60, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, 60).astype(np.float32)
    same(suppress(boxes, scores), slow_nms(boxes.tolist(), scores.tolist()))
    assert len(suppress(boxes, scores)) < 60


def test_an_image_is_letterboxed() -> None:
    image = np.zeros((50, 200, 3), np.uint8)
    image[..., 0] = 10
    image[..., 2] = 30
    seen, scale = prepare(image, (64, 100), Pixels(rgb=False), "letterbox")
    assert seen.shape == (3, 64, 100)
    assert seen.dtype == np.float32
    assert seen[:, 10, 50].tolist() == [30, 0, 10], "BGR"
    assert seen[:, 40, 50].tolist() == [114, 114, 114], "grey below"
    np.testing.assert_allclose(scale, [0.5] * 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_an_image_is_stretched_and_normalised(dtype: type) -> None:
    image = np.full((50, 200, 3), 51, np.uint8)
    pixels = Pixels(rgb=True, mean=(51.0, 41.0, 0.0), std=(1.0, 5.0, 51.0))
    seen, scale = prepare(image, (100, 100), pixels, "stretch", dtype)
    assert seen.dtype == dtype
    np.testing.assert_allclose(seen.reshape(3, -1).T, np.tile([0.0, 2.0, 1.0], (10_000, 1)), atol=1e-5)
    np.testing.assert_allclose(scale, [0.5, 2.0, 0.5, 2.0])


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 1000)],
        [(1, 125, 85)],
        [(1, 40, 4), (1, 41, 80)],
        [(1, 40, 4), (1, 40, 4)],
        [(1, 1, 9, 6)],
        [(1, 5)] * 3,
    ],
)
def test_a_network_that_is_no_detector(tmp_path: Path, shapes: list[tuple[int, ...]]) -> None:
    path = write_network(tmp_path / "n.onnx", [np.zeros(shape, np.float32) for shape in shapes])
    with pytest.raises(CheckpointError, match="no person detector") as error:
        open_detector(str(path))
    assert str(shapes[0]) in str(error.value)


def test_a_network_without_an_image_input(tmp_path: Path) -> None:
    path = write_network(tmp_path / "n.onnx", [np.zeros((1, 126, 85), np.float32)], channels=1)
    with pytest.raises(CheckpointError, match="one input"):
        open_detector(str(path))


@pytest.mark.parametrize("suffix", ["onnx", "xml"])
@pytest.mark.parametrize("content", [b"", b"hello", b"<?xml version='1.0'?><net/>"])
def test_files_that_are_not_networks(tmp_path: Path, suffix: str, content: bytes) -> None:
    if suffix == "xml":
        pytest.importorskip("openvino")
    path = tmp_path / f"n.{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="Cannot open a detector") as error:
        open_detector(str(path))
    assert str(path) in str(error.value)


def test_names_that_are_not_detectors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such detector file"):
        open_detector(str(tmp_path / "n.onnx"))
    with pytest.raises(ConfigError, match="motion"):
        open_detector("moton")
    (tmp_path / "n.pt").write_bytes(b"")
    with pytest.raises(ConfigError, match="suffix"):
        open_detector(str(tmp_path / "n.pt"))


@pytest.mark.parametrize(("module", "suffix"), [("onnxruntime", "onnx"), ("openvino", "xml")])
def test_without_the_runtime_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, suffix: str
) -> None:
    monkeypatch.setattr(openvino_detector, "openvino_core", openvino_core.__wrapped__)  # not the one there is
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / f"n.{suffix}").write_bytes(b"")
    with pytest.raises(StcaError, match=r"pip install 'stca\["):
        open_detector(str(tmp_path / f"n.{suffix}"))


@pytest.mark.parametrize(
    ("weights", "least"),
    [
        ("yolox_nano.onnx", 0.6),
        ("pedestrian-detection-adas-0002/pedestrian-detection-adas-0002.xml", 0.7),
    ],
)
def test_real_networks_find_real_people(shared: Path, weights: str, least: float) -> None:
    if weights.endswith("xml"):
        pytest.importorskip("openvino")
    detector = open_detector(str(shared / "weights/detector" / weights))
    rows = read_mot(shared / "video/pets_s2l1/gt.txt").rows
    hits = people = 0
    for number, image in zip(range(1, 12), read_video(shared / "video/pets_s2l1/vtest.avi"), strict=False):
        found = detector.detect(image)
        wanted = np.array(
            [(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows if r.frame == number]
        )
        confident = found.boxes[found.scores > 0.3].astype(float)
        hits += int((overlaps(wanted, confident).max(axis=1) > 0.5).sum())
        people += len(wanted)
    assert people > 30
    assert hits / people > least
