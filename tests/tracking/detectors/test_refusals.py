"""What is no person detector, or cannot be told, is refused with what to do; options and devices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import tiny_families as families
from stca.cli import parsing
from stca.errors import CheckpointError, ConfigError
from stca.tools import onnx_providers as providers
from stca.tracking import Detections, open_detector
from stca.tracking.detectors.classes import read_names
from stca.tracking.detectors.decoding import LAYOUTS
from stca.tracking.detectors.options import DEVICES, DetectorOptions
from stca.tracking.detectors.pixels import PIXELS
from tiny_detectors import PERSON, Tiny, picture

pytest.importorskip("cv2")
pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def fixed(path: Path, outputs: dict[str, np.ndarray], **options: Any) -> Path:
    """A network that returns these arrays whatever it sees."""
    tiny = Tiny(**options)
    return tiny.save(path, {name: tiny("Identity", array) for name, array in outputs.items()})


def rows(objectness: bool, classes: int = 80) -> np.ndarray:
    return families.background((128, 128), classes, objectness=0.01 if objectness else None)[None]


def refused(path: Path, kind: type[Exception], *words: str, **options: Any) -> None:
    """Opening it fails; what is found, where, and what to do are in the error."""
    with pytest.raises(kind) as error:
        open_detector(str(path), **options)
    text = str(error.value)
    assert "try:" in text
    assert str(path) in text
    for word in words:
        assert word in text, text


def test_transposed_rows_of_85_may_have_objectness_or_81_classes(tmp_path: Path) -> None:
    path = fixed(tmp_path / "n.onnx", {"out": rows(True).transpose(0, 2, 1)})
    refused(path, ConfigError, "--layout yolov5 or --layout yolov8", "(1, 85, 336)")
    assert open_detector(str(path), layout="yolov5").detect(picture()).boxes.shape == (0, 4)
    refused(path, ConfigError, "--person-class", layout="yolov8")


@pytest.mark.parametrize("number", [3, 6])
def test_feature_maps_with_anchors(tmp_path: Path, number: int) -> None:
    """YOLOv7 without --grid, YOLOv5 with --train: anchors are not in the file."""
    maps = {f"map{i}": np.zeros((1, 3, 16 >> i % 3, 16 >> i % 3, 85), np.float32) for i in range(number)}
    refused(fixed(tmp_path / "n.onnx", maps), CheckpointError, "--grid", "feature maps")


def test_scores_that_are_logits(tmp_path: Path) -> None:
    table = rows(False)
    table[..., 4:] = -5
    path = fixed(tmp_path / "n.onnx", {"out": table.transpose(0, 2, 1)})
    refused(path, CheckpointError, "not between 0 and 1", "(1, 84, 336)")


def test_distributions_of_distances_are_no_boxes(tmp_path: Path) -> None:
    """NanoDet: class scores first, then 32 numbers of which the distances are yet to be computed."""
    table = np.random.default_rng(0).normal(0, 2, (1, 340, 112)).astype(np.float32)
    table[..., :80] = 0.01
    refused(fixed(tmp_path / "n.onnx", {"out": table}), CheckpointError, "(1, 340, 112)")


@pytest.mark.parametrize("far", [1000.0, -400.0])
def test_boxes_that_lie_nowhere_near_their_cells(tmp_path: Path, far: float) -> None:
    table = rows(False)
    table[..., :2] += far
    path = fixed(tmp_path / "n.onnx", {"out": table.transpose(0, 2, 1)})
    refused(path, CheckpointError, "no centres and sizes")


def test_boxes_that_cannot_be_are_an_error_and_no_result(tmp_path: Path) -> None:
    """Rows that are well-formed for an empty image, and impossible when somebody is there."""
    tiny = Tiny()
    person = tiny(
        "Concat", tiny("Mul", tiny.box, np.float32(1000)), tiny.score, np.zeros((1, 1), np.float32), axis=1
    )
    path = tiny.save(tmp_path / "n.onnx", {"out": tiny("Unsqueeze", person, np.array([0]))})
    detector = open_detector(str(path))
    with pytest.raises(CheckpointError, match="1 of 1 boxes lie outside the input of 128 x 128") as error:
        detector.detect(picture())
    assert "--layout" in str(error.value)


def test_objects_of_no_class_are_an_error(tmp_path: Path) -> None:
    """Rows (1, A, 6) of two classes without objectness look like one class with it; only people tell."""
    table = rows(False, 2)
    table[0, 5:9, 4] = 0.9
    path = fixed(tmp_path / "n.onnx", {"out": table})
    with pytest.raises(CheckpointError, match="no class has a score above"):
        open_detector(str(path)).detect(picture())
    assert len(open_detector(str(path), layout="yolov8", person_class=0).detect(picture())) > 0


def test_columns_in_another_order_are_an_error(tmp_path: Path) -> None:
    """Class and score before the box, which only their values tell once there are rows."""
    tiny = Tiny()
    seen = tiny("Concat", np.zeros((1, 2), np.float32), tiny.score, tiny.box, axis=1)
    rows = tiny("Compress", seen, tiny("Greater", tiny("Squeeze", tiny.score), np.float32(0.1)), axis=0)
    path = tiny.save(tmp_path / "n.onnx", {"rows": rows})
    with pytest.raises(CheckpointError, match="columns that are no scores"):
        open_detector(str(path)).detect(picture())
    named = tiny.save(tmp_path / "n.onnx", {"batchno_classid_score_x1y1x2y2": rows})
    found = open_detector(str(named), pixels="unit-rgb").detect(picture())
    np.testing.assert_allclose(found.boxes, [PERSON], atol=2)


def test_plugins_of_tensorrt(tmp_path: Path) -> None:
    tiny = Tiny()
    tiny.nodes.append(helper.make_node("EfficientNMS_TRT", [tiny.box], ["boxes0"], domain="TRT"))
    graph = helper.make_graph(tiny.nodes, "t", tiny.inputs, [helper.make_empty_tensor_value_info("boxes0")])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("TRT", 1)]
    (tmp_path / "n.onnx").write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    refused(tmp_path / "n.onnx", CheckpointError, "--max-wh")


def test_a_layout_that_the_outputs_have_not(tmp_path: Path) -> None:
    path = families.yolov8(tmp_path / "n.onnx")
    refused(path, ConfigError, "not of the layout detr", "(1, 84, 336)", layout="detr")
    refused(path, ConfigError, "not of the layout yolox-raw", layout="yolox-raw")


def test_a_first_run_that_fails_names_the_input(tmp_path: Path) -> None:
    """Sides are said to be free, and the graph is made for 128."""
    tiny = Tiny(shape=["batch", 3, "height", "width"])
    flat = tiny("Reshape", "images", np.array([1, 3, 128, 128]))
    path = tiny.save(tmp_path / "n.onnx", {"out": flat})
    refused(path, CheckpointError, "images float32", "(640, 640)", "fixed height and width")


@pytest.mark.parametrize(
    "options",
    [{"shape": [1, 4, 128, 128]}, {"shape": [1, 1, 128, 128]}, {"dtype": "int8"}, {"shape": [128, 128]}],
)
def test_inputs_that_are_no_colour_images(tmp_path: Path, options: dict[str, Any]) -> None:
    shape = options.get("shape", [1, 3, 128, 128])
    tiny = Tiny()
    kind = TensorProto.INT8 if "dtype" in options else TensorProto.FLOAT
    tiny.inputs, tiny.nodes = [helper.make_tensor_value_info("frame", kind, shape)], []
    path = tiny.save(tmp_path / "n.onnx", {"out": tiny("Identity", rows(True))})
    with pytest.raises(CheckpointError, match="one input") as error:
        open_detector(str(path))
    assert f"frame {'int8' if 'dtype' in options else 'float32'}" in str(error.value).replace(
        "of another type", "int8"
    )
    assert str(shape) in str(error.value)


def test_options_are_for_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--person-class 1"):
        open_detector("motion", person_class=1)
    with pytest.raises(ConfigError, match="--device cuda"):
        open_detector("motion", device="cuda")
    assert open_detector("motion", device="cpu").name == "motion"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"pixels": "unit-rbg"}, "unit-rgb"),
        ({"layout": "yolo8"}, "yolov8"),
        ({"device": "gpu"}, "cuda"),
        ({"person_class": -1}, "count from 0"),
    ],
)
def test_values_that_do_not_exist(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        DetectorOptions(**options)


def test_the_command_line_has_the_same_values() -> None:
    assert set(parsing.DETECTOR_PIXELS) == set(PIXELS)
    assert tuple(LAYOUTS) == parsing.DETECTOR_LAYOUTS
    assert parsing.DETECTOR_DEVICES == DEVICES == ("auto", *providers.PROVIDERS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: 'car'}", {0: "person", 1: "car"}),
        ("['a', 'b']", {0: "a", 1: "b"}),
        ('{"0": "person"}', {0: "person"}),
        ("person", None),
        ("", None),
        (None, None),
        ("{'x': 'person'}", None),
        ("[" * 5000, None),
    ],
)
def test_class_names(text: str | None, names: dict[int, str] | None) -> None:
    assert read_names(text) == names


class Session:
    """A real session on the CPU that says it runs elsewhere, as far as it is told to."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def __call__(self, path: str, options: Any, providers: list[str]) -> Any:
        if self.provider == "broken" and providers[0] != "CPUExecutionProvider":
            raise RuntimeError("libcudnn.so.9: cannot open shared object file")
        inner = onnxruntime.capi.onnxruntime_inference_collection.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        if self.provider == providers[0]:
            inner.get_providers = lambda: providers
        return inner


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "openvino", "coreml", "directml"])
def test_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """What is asked for runs and is said, is missing and is named, or cannot start and is an error."""
    path = families.yolov8(tmp_path / "n.onnx")
    provider, package = providers.PROVIDERS[device]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match=provider) as error:
        open_detector(str(path), device=device)
    assert package in str(error.value)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [provider, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session(provider))
    detector = open_detector(str(path), device=device)
    assert provider in detector.description
    assert len(detector.detect(picture())) == 1

    for broken in ("broken", "silent"):
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session(broken))
        with pytest.raises(ConfigError, match="cannot start") as error:
            open_detector(str(path), device=device)
        assert "--device cpu" in str(error.value)
        assert "CPUExecutionProvider" in open_detector(str(path)).description, "auto takes what works"


def test_auto_takes_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = families.yolov8(tmp_path / "n.onnx")
    everywhere = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: everywhere)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session("CUDAExecutionProvider"))
    assert "CUDAExecutionProvider" in open_detector(str(path)).description
    assert "CPUExecutionProvider" in open_detector(str(path), device="cpu").description


def openvino_file(path: Path, source: Path) -> Path:
    """The ONNX file as OpenVINO's .xml, names as labels."""
    from stca.tools.openvino_import import import_openvino, openvino_core

    model = openvino_core().read_model(str(source))
    model.set_rt_info(["traffic_light", "person", "bus"], ["model_info", "labels"])
    import_openvino().save_model(model, str(path), compress_to_fp16=False)
    return path


@pytest.mark.parametrize("options", [{}, {"channels_last": True}, {"shape": ["batch", 3, 128, 128]}])
def test_openvino_reads_the_same_families(tmp_path: Path, options: dict[str, Any]) -> None:
    pytest.importorskip("openvino")
    source = families.yolov8(tmp_path / "n.onnx", 3, 1, **options)
    detector = open_detector(str(openvino_file(tmp_path / "n.xml", source)))
    assert "person is class 1 (of 3 names in the file)" in detector.description
    assert "OpenVINO" in detector.description
    found: Detections = detector.detect(picture())
    assert len(found) == 1
    with pytest.raises(ConfigError, match="auto, cpu or openvino"):
        open_detector(str(tmp_path / "n.xml"), device="cuda")
