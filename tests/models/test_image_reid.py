"""Image re-identification networks made on the spot, whose answers can be worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from colour_network import write_colour_network
from stca.clips import ClipBatch
from stca.errors import CheckpointError, ConfigError
from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.inference import Plan
from stca.inference.runtime import TorchRuntime
from stca.models import ImageReID, build_model
from stca.runs import open_model

H, W, D = 16, 8, 12
MATRIX = np.random.default_rng(0).normal(size=(3, D)).astype(np.float32)


def write_onnx(path: Path, *, batch: int | str = "batch", size: tuple[int | str, int | str] = (H, W)) -> Path:
    return write_colour_network(path, MATRIX, batch=batch, size=size)


def write_openvino(path: Path) -> Path:
    openvino = pytest.importorskip("openvino")
    ops = openvino.opset13
    data = ops.parameter([1, 3, H, W], np.float32, name="data")
    flat = ops.reduce_mean(data, ops.constant(np.array([2, 3])), keep_dims=False)
    openvino.save_model(
        openvino.Model([ops.matmul(flat, ops.constant(MATRIX), False, False)], [data]),
        path,
        compress_to_fp16=False,
    )
    return path


def clips_of(values: np.ndarray) -> torch.Tensor:
    """(B, T, 3) colours from 0 to 1 as clips of even colour."""
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    colours = torch.tensor((values - mean) / std, dtype=torch.float32)
    return colours[..., None, None].expand(*colours.shape, H, W).contiguous()


def by_hand(colours: np.ndarray) -> np.ndarray:
    """(B, T, 3) colours as the network gets them -> (B, D)."""
    vectors = colours @ MATRIX
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).mean(axis=1)


COLOURS = np.random.default_rng(1).uniform(0, 1, (3, 5, 3))
EXPECTED = {
    "imagenet-rgb": (COLOURS - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD),
    "unit-rgb": COLOURS,
    "raw-rgb": COLOURS * 255,
    "raw-bgr": COLOURS[..., ::-1] * 255,
}


@pytest.mark.parametrize("pixels", EXPECTED)
def test_a_clip_is_the_mean_of_its_frames_in_the_pixels_the_network_wants(
    tmp_path: Path, pixels: str
) -> None:
    # Unit scale and raw scale differ by a factor only, which the length of 1 removes: so look at the input too.
    model = ImageReID(write_onnx(tmp_path / "net.onnx"), pixels=pixels)
    seen = []
    run, model._run = model._run, lambda frames: (seen.append(frames.copy()), run(frames))[1]
    output = model(clips_of(COLOURS))
    np.testing.assert_allclose(seen[0][:, :, 0, 0], EXPECTED[pixels].reshape(-1, 3), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(output.embedding.numpy(), by_hand(EXPECTED[pixels]), atol=1e-5)
    assert output.logits.shape == (3, 0)


def test_the_kind_of_file_decides_the_pixels(tmp_path: Path) -> None:
    onnx = open_model(str(write_onnx(tmp_path / "net.onnx")))
    openvino = open_model(str(write_openvino(tmp_path / "net.xml")))
    for model, pixels in ((onnx, "imagenet-rgb"), (openvino, "raw-bgr")):
        assert (model.pixels, model.image_size, model.embedding_dim) == (pixels, (H, W), D)
        np.testing.assert_allclose(
            model(clips_of(COLOURS)).embedding.numpy(), by_hand(EXPECTED[pixels]), atol=1e-4
        )


@pytest.mark.parametrize("batch", [1, 4, "batch"])
def test_a_fixed_batch_changes_nothing(tmp_path: Path, batch: int | str) -> None:
    model = ImageReID(write_onnx(tmp_path / "net.onnx", batch=batch))
    np.testing.assert_allclose(
        model(clips_of(COLOURS)).embedding.numpy(), by_hand(EXPECTED["imagenet-rgb"]), atol=1e-5
    )


def test_an_open_size_is_256_by_128_or_what_is_asked_for(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx", size=("h", "w"))
    assert ImageReID(path).image_size == (256, 128)
    assert ImageReID(path, image_size=(32, 16)).image_size == (32, 16)


def test_it_is_built_again_from_its_spec_and_told_apart_by_its_digest(tmp_path: Path) -> None:
    model = ImageReID(write_onnx(tmp_path / "net.onnx"), pixels="unit-rgb")
    again = build_model(model.spec.name, num_ids=1, options=model.spec.options)
    assert isinstance(again, ImageReID)
    assert again.pixels == "unit-rgb"
    assert torch.equal(again.state_dict()["digest"], model.state_dict()["digest"])
    other = ImageReID(write_onnx(tmp_path / "other.onnx", batch=1))
    assert not torch.equal(other.state_dict()["digest"], model.state_dict()["digest"])


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    for name in ("net.onnx", "net.xml"):
        with pytest.raises(CheckpointError, match="no such network"):
            open_model(str(tmp_path / name))
        (tmp_path / name).write_text("<no network/>")
        with pytest.raises(CheckpointError, match="Cannot open"):
            open_model(str(tmp_path / name))
    with pytest.raises(ConfigError, match="kind of network"):
        ImageReID(tmp_path / "net.pb")


def test_wrong_options_are_refused(tmp_path: Path, as_users_run_it: None) -> None:
    path = write_onnx(tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match="Unknown pixels"):
        ImageReID(path, pixels="cmyk")
    with pytest.raises(ConfigError, match="another size"):
        ImageReID(path, image_size=(32, 16))


def test_a_detector_is_no_reid_network(shared: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(CheckpointError, match="no image re-identification network"):
        ImageReID(shared / "weights" / "detector" / "yolox_nano.onnx")


def test_the_open_model_zoos_network_opens(shared: Path) -> None:
    pytest.importorskip("openvino")
    name = "person-reidentification-retail-0287"
    model = open_model(str(shared / "weights" / "reid" / name / f"{name}.xml"))
    assert (model.image_size, model.embedding_dim) == ((256, 128), 256)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_what_computed_is_the_library_that_opened_the_file(tmp_path: Path, precision: str) -> None:
    onnxruntime, openvino = pytest.importorskip("onnxruntime"), pytest.importorskip("openvino")
    for model, name in (
        (ImageReID(write_onnx(tmp_path / "net.onnx")), f"float32, ONNX Runtime {onnxruntime.__version__}"),
        (ImageReID(write_openvino(tmp_path / "net.xml")), f"float32, OpenVINO {openvino.__version__[:4]}"),
    ):
        engine = TorchRuntime(model, Plan("torch", precision, torch.device("cpu")), "after")
        assert engine.name.startswith(name)
        frames = torch.zeros(2, 3, H, W, 3, dtype=torch.uint8)
        ((_, vectors),) = engine.map([ClipBatch(frames, torch.arange(2), ())])
        assert vectors.shape == (2, D)
