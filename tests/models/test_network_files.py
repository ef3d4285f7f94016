"""Image networks as exporters leave them: types, layouts, outputs, batches, normalisation in the graph.

Every network is made here: the mean colour of a picture times a matrix, so that the right vector is known.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stca.errors import CheckpointError, ConfigError, StcaError
from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models import ImageReID
from stca.runs import add_options, open_model
from stca.tools.onnx_providers import devices_to_try

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
H, W, D = 16, 8, 12
RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(3, D)).astype(np.float32)
CLASSES = RNG.normal(size=(D, 20)).astype(np.float32)
COLOURS = np.random.default_rng(1).uniform(0.05, 0.95, (2, 3, 3))
NORMALISED = (COLOURS - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
F32, F16, U8, I64 = (getattr(onnx.TensorProto, kind) for kind in ("FLOAT", "FLOAT16", "UINT8", "INT64"))
node = onnx.helper.make_node


def write(
    path: Path,
    *,
    before: list[Any] | None = None,
    after: list[Any] | None = None,
    kind: int = F32,
    shape: tuple[int | str, ...] = ("n", 3, H, W),
    outputs: dict[str, tuple[int, tuple[int | str, ...]]] | None = None,
    constants: dict[str, np.ndarray] | None = None,
    more_inputs: tuple[str, ...] = (),
) -> Path:
    """A network from `x` over `pixels` and `mean` to `vector`; `before` makes `pixels` of `x`."""
    nodes = [
        *(before or [node("Identity", ["x"], ["pixels"])]),
        node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
        node("MatMul", ["mean", "matrix"], ["vector"]),
        *(after or []),
    ]
    given = {"matrix": MATRIX, "classes": CLASSES, **(constants or {})}
    used = {name for each in nodes for name in each.input}
    graph = onnx.helper.make_graph(
        nodes,
        "reid",
        [onnx.helper.make_tensor_value_info("x", kind, list(shape))]
        + [onnx.helper.make_tensor_value_info(name, F32, [1]) for name in more_inputs],
        [
            onnx.helper.make_tensor_value_info(name, out, list(sides))
            for name, (out, sides) in (outputs or {"vector": (F32, ("n", D))}).items()
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in given.items() if name in used],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def clips() -> torch.Tensor:
    colours = torch.tensor(NORMALISED, dtype=torch.float32)
    return colours[..., None, None].expand(*colours.shape, H, W).contiguous()


def expected(colours: np.ndarray, matrix: np.ndarray = MATRIX) -> np.ndarray:
    vectors = colours @ matrix
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).mean(axis=1)


def check(model: ImageReID, colours: np.ndarray, *, atol: float = 1e-4) -> None:
    np.testing.assert_allclose(model(clips()).embedding.numpy(), expected(colours), atol=atol)


CAST = [node("Cast", ["x"], ["pixels"], to=F32)]
TO_NCHW = [node("Transpose", ["x"], ["pixels"], perm=[0, 3, 1, 2])]


@pytest.mark.parametrize(
    ("options", "atol"),
    [
        ({"before": CAST, "kind": F16}, 5e-3),
        ({"before": CAST, "kind": onnx.TensorProto.DOUBLE}, 1e-4),
        ({"before": TO_NCHW, "shape": ("n", H, W, 3)}, 1e-4),
        ({"before": TO_NCHW, "shape": (4, H, W, 3), "outputs": {"vector": (F32, (4, D))}}, 1e-4),
        ({"before": CAST, "kind": U8}, 1e-4),  # the type was changed, the network was not
        ({"shape": ("n", 3, "h", "w")}, 1e-4),
        ({"shape": (1, 3, H, W), "outputs": {"vector": (F32, (1, D))}}, 1e-4),
        (
            {
                "after": [node("Cast", ["vector"], ["half"], to=F16)],
                "outputs": {"half": (F16, ("n", D))},
            },
            5e-3,
        ),
        (
            {
                "after": [node("Reshape", ["vector", "four"], ["out"])],
                "constants": {"four": np.array([-1, D, 1, 1])},
                "outputs": {"out": (F32, ("n", D, 1, 1))},
            },
            1e-4,
        ),
    ],
    ids=["fp16", "fp64", "nhwc", "nhwc of 4", "uint8", "open size", "batch of 1", "fp16 out", "four sides"],
)
def test_every_export_of_a_network_gives_the_same_vectors(
    tmp_path: Path, options: dict[str, Any], atol: float
) -> None:
    model = ImageReID(write(tmp_path / "net.onnx", **options), image_size=(H, W))
    assert model.pixels == "imagenet-rgb"
    check(model, NORMALISED, atol=atol)
    assert str(D) in model.summary
    assert "imagenet-rgb" in model.summary


def test_an_open_batch_that_the_graph_has_fixed_is_run_one_picture_at_a_time(tmp_path: Path) -> None:
    model = ImageReID(
        write(
            tmp_path / "net.onnx",
            after=[node("Reshape", ["vector", "one"], ["out"])],
            constants={"one": np.array([1, D])},
            outputs={"out": (F32, ("n", D))},
        )
    )
    assert "1 pictures at a time" in model.summary
    check(model, NORMALISED)


# --- pixels that the graph normalises itself -----------------------------------------------------------------------


def normalising(mean: list[float], std: list[float], *, kind: int = F32) -> dict[str, Any]:
    start = "x" if kind == F32 else "float"
    cast = [] if kind == F32 else [node("Cast", ["x"], ["float"], to=F32)]
    return {
        "before": [*cast, node("Sub", [start, "m"], ["centred"]), node("Div", ["centred", "s"], ["pixels"])],
        "constants": {
            "m": np.array(mean, np.float32).reshape(1, 3, 1, 1),
            "s": np.array(std, np.float32).reshape(1, 3, 1, 1),
        },
        "kind": kind,
    }


RAW_MEAN, RAW_STD = [255 * m for m in IMAGENET_MEAN], [255 * s for s in IMAGENET_STD]


@pytest.mark.parametrize(
    ("options", "pixels", "seen"),
    [
        (normalising(RAW_MEAN, RAW_STD), "raw-rgb", NORMALISED),
        (normalising(RAW_MEAN[::-1], RAW_STD[::-1]), "raw-bgr", NORMALISED[..., ::-1]),
        (normalising(list(IMAGENET_MEAN), list(IMAGENET_STD)), "unit-rgb", NORMALISED),
        (normalising(RAW_MEAN, [1, 1, 1]), "raw-rgb", NORMALISED * np.array(RAW_STD)),
        (normalising([0, 0, 0], [255, 255, 255]), "raw-rgb", COLOURS),
        (normalising([127.5] * 3, [127.5] * 3), "raw-rgb", COLOURS * 2 - 1),
        (normalising([0.5] * 3, [0.5] * 3), "unit-rgb", COLOURS * 2 - 1),
    ],
    ids=["fast-reid", "bgr", "unit", "mean only", "by 255", "by 127.5", "by one half"],
)
def test_a_normalisation_in_the_graph_decides_the_pixels(
    tmp_path: Path, options: dict[str, Any], pixels: str, seen: np.ndarray
) -> None:
    model = ImageReID(write(tmp_path / "net.onnx", **options))
    assert model.pixels == pixels
    check(model, seen)


def test_whole_numbers_that_the_graph_normalises_are_raw_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", **normalising(RAW_MEAN, RAW_STD, kind=U8))
    model = ImageReID(path)
    assert model.pixels == "raw-rgb"
    check(model, (np.rint(COLOURS * 255) - RAW_MEAN) / RAW_STD)
    with pytest.raises(ConfigError, match="whole numbers"):
        ImageReID(path, pixels="unit-rgb")


def test_an_unknown_normalisation_asks_for_the_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", **normalising([0, 0, 0], [1e-4] * 3))
    with pytest.raises(ConfigError, match="--pixels"):
        ImageReID(path)
    assert ImageReID(path, pixels="unit-rgb").pixels == "unit-rgb"


# --- outputs -------------------------------------------------------------------------------------------------------

SCORES = [node("MatMul", ["vector", "classes"], ["y"])]
BOTH = {"y": (F32, ("n", 20)), "vector": (F32, ("n", D))}


def test_class_scores_beside_the_vector_are_left_aside(tmp_path: Path) -> None:
    model = ImageReID(write(tmp_path / "net.onnx", after=SCORES, outputs=BOTH))
    assert model.output == "vector"
    assert model.spec.options["output"] == "vector"
    check(model, NORMALISED)


def test_a_named_output_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", after=SCORES, outputs=BOTH)
    model = open_model(f"{path}:output=y")
    assert model.embedding_dim == 20
    np.testing.assert_allclose(
        model(clips()).embedding.numpy(), expected(NORMALISED, MATRIX @ CLASSES), atol=1e-4
    )
    with pytest.raises(ConfigError, match=r"no output 'z'(.|\n)*y: float32(.|\n)*vector: float32"):
        ImageReID(path, output="z")


def test_feature_maps_are_no_embedding(tmp_path: Path) -> None:
    maps = {"pixels": (F32, ("n", 3, H, W))}
    model = ImageReID(write(tmp_path / "both.onnx", outputs={**maps, "vector": (F32, ("n", D))}))
    assert model.output == "vector"
    with pytest.raises(CheckpointError, match="no image re-identification network"):
        ImageReID(write(tmp_path / "maps.onnx", outputs=maps))


@pytest.mark.parametrize(
    ("after", "outputs", "message"),
    [
        ([node("Identity", ["vector"], ["logits"])], {"logits": (F32, ("n", D))}, "class scores"),
        ([node("Softmax", ["vector"], ["p"])], {"p": (F32, ("n", D))}, "class scores"),
        (
            [node("Relu", ["vector"], ["r"])],
            {"r": (F32, ("n", D)), "vector": (F32, ("n", D))},
            r"several outputs(.|\n)*--output",
        ),
    ],
    ids=["by name", "probabilities", "two vectors"],
)
def test_outputs_that_may_be_none_are_refused_until_they_are_named(
    tmp_path: Path, after: list[Any], outputs: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "net.onnx", after=after, outputs=outputs)
    with pytest.raises(ConfigError, match=message):
        ImageReID(path)
    assert ImageReID(path, output=next(iter(outputs))).embedding_dim == D


# --- networks that cannot be used ----------------------------------------------------------------------------------


def test_a_first_run_that_fails_says_what_was_given(tmp_path: Path) -> None:
    wrong = {"w": np.ones((5, D), np.float32)}
    after = [node("MatMul", ["mean", "w"], ["out"])]
    nodes = {
        "after": after,
        "constants": wrong,
        "outputs": {"out": (F32, ("n", D))},
        "shape": ("n", "c", H, W),
    }
    with pytest.raises(
        StcaError, match=r"fails on its pictures(.|\n)*x: float32 \(\?, \?, 16, 8\)(.|\n)*\(1, 3,"
    ):
        ImageReID(write(tmp_path / "net.onnx", **nodes))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": I64, "before": CAST}, r"float32, float16, float64 or uint8(.|\n)*int64"),
        ({"more_inputs": ("camera",)}, "2 inputs: x, camera"),
        (
            {
                "shape": ("n", 5, H, W),
                "before": [node("Gather", ["x", "rgb"], ["pixels"], axis=1)],
                "constants": {"rgb": np.arange(3)},
            },
            "input of pictures",
        ),
    ],
    ids=["int64", "two inputs", "five channels"],
)
def test_inputs_that_are_no_pictures_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        ImageReID(write(tmp_path / "net.onnx", **options))


def test_a_network_exported_in_training_mode_is_refused(tmp_path: Path) -> None:
    centre = [
        node(
            "ReduceMean", ["x"], ["m"], axes=[0, 2, 3], keepdims=1
        ),  # what a batch norm does while it learns
        node("Sub", ["x", "m"], ["pixels"]),
    ]
    with pytest.raises(CheckpointError, match=r"depends on the pictures beside(.|\n)*model.eval"):
        ImageReID(write(tmp_path / "net.onnx", before=centre))


def test_values_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    root = [node("Log", ["x"], ["pixels"])]
    with pytest.raises(StcaError, match="no vectors for these pictures"):
        ImageReID(write(tmp_path / "net.onnx", before=root), pixels="imagenet-rgb")(clips() * 0 - 1)


# --- devices, names ------------------------------------------------------------------------------------------------


def test_a_device_is_a_provider_that_onnx_runtime_has(monkeypatch: pytest.MonkeyPatch) -> None:
    have: Callable[..., list[str]] = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]  # noqa: E731
    monkeypatch.setattr(onnxruntime, "get_available_providers", have)
    assert devices_to_try("auto") == ["cuda", "cpu"]
    assert devices_to_try("cpu") == ["cpu"]
    with pytest.raises(ConfigError, match=r"no CoreMLExecutionProvider(.|\n)*--device cpu or cuda"):
        devices_to_try("coreml")
    with pytest.raises(ConfigError, match="no such device"):
        devices_to_try("npu")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert devices_to_try("auto") == ["cpu"]


def test_a_file_is_opened_again_for_the_device_that_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match="CUDAExecutionProvider"):
        ImageReID(path, device="cuda")
    model = ImageReID(path)
    before = model._run
    model.prepare_for(torch.device("cpu"))
    assert model._run is before
    with pytest.raises(ConfigError, match="CUDAExecutionProvider"):
        model.prepare_for(torch.device("cuda"))
    assert model.computed_by.endswith("on cpu")


def test_options_stand_behind_a_file_s_name(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", shape=("n", 3, "h", "w"))
    model = open_model(add_options(f"{path}:size=32x16", pixels="raw-bgr", output=None))
    assert isinstance(model, ImageReID)
    assert (model.pixels, model.image_size) == ("raw-bgr", (32, 16))
    assert add_options(str(path), pixels=None, output=None) == str(path)
    colon = tmp_path / "net.onnx:pixels=raw-rgb"
    colon.write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError):  # a file of that name is that file, of no kind that is known
        open_model(str(colon))
    for wrong in (f"{path}:layout=nchw", f"{tmp_path / 'other.onnx'}:size=big"):
        with pytest.raises(ConfigError):
            open_model(wrong)
    with pytest.raises(ConfigError, match="--pixels is for networks in files"):
        add_options("pretrained", pixels="raw-rgb")
