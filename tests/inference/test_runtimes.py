"""Every runtime gives PyTorch's vectors: float32 to rounding, bf16 and int8 in their direction."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from stca.cli import main
from stca.clips import ClipBatch
from stca.errors import ConfigError, StcaError
from stca.export import export_model
from stca.inference import Plan, VectorNet, open_runtime
from stca.inference.openvino_runtime import OpenVinoRuntime
from stca.inference.vectors import fold_norms
from stca.models import ReIDModel, create_model, save_model

SIZE, CLIP_LEN = (64, 32), 4


def model_of(name: str, **options: object) -> ReIDModel:
    """With running statistics that are not those of a new network."""
    torch.manual_seed(0)
    model = create_model(name, num_ids=3, image_size=SIZE, width=8, **options).train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, CLIP_LEN, 3, *SIZE))
    return model.eval()


def batches(count: int = 3, clips: int = 5) -> Iterator[ClipBatch]:
    rng = np.random.default_rng(0)
    for number in range(count):
        frames = rng.integers(0, 256, (clips - (number == count - 1), CLIP_LEN, *SIZE, 3), dtype=np.uint8)
        yield ClipBatch(torch.from_numpy(frames), torch.arange(len(frames)) + 100 * number, ())


def vectors(model: ReIDModel, runtime: str, precision: str, *, neck: str = "after") -> torch.Tensor:
    plan = Plan(runtime, precision, torch.device("cpu"))
    engine = open_runtime(
        model, plan, clip_len=CLIP_LEN, neck=neck, calibration=lambda: next(batches()).frames
    )
    assert engine.name.startswith(f"{precision}, ")
    found = list(engine.map(batches()))
    assert [batch.rows.tolist() for batch, _ in found] == [batch.rows.tolist() for batch in batches()]
    return torch.cat([vectors for _, vectors in found])


def expected(model: ReIDModel, *, neck: str = "after") -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([VectorNet(model, neck=neck)(batch.frames) for batch in batches()])


def closeness(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.cosine_similarity(a, b).min())


NETWORKS = [
    pytest.param("stca_small", {}, id="stca"),
    pytest.param("cnn2d_small", {"backbone2d": "se_resnet50"}, id="cnn2d-se"),
    pytest.param("concat_small", {"backbone3d": "i3d_resnet50"}, id="concat-i3d"),
    pytest.param("sum_small", {"backbone3d": "c3d", "stem_frames": 3}, id="sum-c3d"),
]


@pytest.mark.parametrize(("name", "options"), NETWORKS[:3])
@pytest.mark.parametrize("neck", ["after", "before"])
def test_openvino_in_float32_is_pytorch(name: str, options: dict[str, object], neck: str) -> None:
    model = model_of(name, **options)
    torch.testing.assert_close(
        vectors(model, "openvino", "float32", neck=neck), expected(model, neck=neck), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_folded_norms_change_nothing(name: str, options: dict[str, object]) -> None:
    model = model_of(name, **options)
    norms = sum(isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d) for m in model.modules())
    folded = fold_norms(model)
    assert sum(isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d) for m in folded.modules()) < norms
    torch.testing.assert_close(expected(folded), expected(model), rtol=1e-3, atol=1e-4)
    assert sum(isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d) for m in model.modules()) == norms


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_bf16_keeps_the_direction(runtime: str) -> None:
    model = model_of("stca_small")
    assert closeness(vectors(model, runtime, "bf16"), expected(model)) > 0.999
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_int8_keeps_the_direction() -> None:
    model = model_of("stca_small")
    found = vectors(model, "openvino", "int8")
    assert closeness(found, expected(model)) > 0.98
    assert not torch.equal(found, vectors(model, "openvino", "bf16"))  # it is not left as it was


def test_onnx_runtime_is_pytorch() -> None:
    model = model_of("stca_small")
    torch.testing.assert_close(
        vectors(model, "onnxruntime", "float32"), expected(model), rtol=1e-3, atol=1e-4
    )


@pytest.mark.slow
def test_a_compiled_network_is_pytorch() -> None:
    model = model_of("stca_small")
    torch.testing.assert_close(vectors(model, "compile", "float32"), expected(model), rtol=1e-3, atol=1e-4)


def test_where_nobody_insists_pytorch_stands_in(capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of("sum_small", backbone3d="c3d", stem_frames=3)  # OpenVINO: no pool over a single frame
    plan = Plan("openvino", "float32", torch.device("cpu"), insists=False)
    engine = open_runtime(model, plan, clip_len=CLIP_LEN, calibration=lambda: next(batches()).frames)
    assert "PyTorch computes instead" in capsys.readouterr().err
    torch.testing.assert_close(torch.cat([v for _, v in engine.map(batches())]), expected(model))


def test_a_network_that_no_converter_takes_is_an_error() -> None:
    class Strange(ReIDModel):
        def __init__(self) -> None:
            super().__init__(image_size=SIZE)
            self.head = torch.nn.Identity()

        def features(self, clips: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(clips[:, 0, 0, :32, :32]).real

    with pytest.raises(StcaError, match="OpenVINO cannot convert"):
        OpenVinoRuntime(VectorNet(Strange()), Plan("openvino", "float32", torch.device("cpu")), (4, *SIZE, 3))


@pytest.mark.parametrize("name", ["net.onnx", "net.xml"])
def test_an_export_says_what_it_takes_and_gives(name: str, tmp_path: Path) -> None:
    model = model_of("stca_small")
    report = export_model(model, tmp_path / "deep" / name)
    assert report.error < 1e-3
    assert report.clip_shape == (CLIP_LEN, *SIZE, 3)
    assert report.size > 100_000
    if report.format == "onnx":
        session = onnxruntime.InferenceSession(str(report.path))
        (found,) = session.run(["vectors"], {"frames": next(batches()).frames.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), expected(model)[:5], rtol=1e-3, atol=1e-4)


def test_what_computes_something_else_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stca.export.LARGEST_ERROR", -1.0)
    with pytest.raises(StcaError, match="something else"):
        export_model(model_of("cnn2d_small"), tmp_path / "net.xml")
    assert list(tmp_path.iterdir()) == []


def test_export_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(model_of("cnn2d_small"), tmp_path / "model.safetensors")
    assert main(["export", str(tmp_path / "model.safetensors"), "--out", str(tmp_path / "net.xml")]) == 0
    assert "frames (any, 4, 64, 32, 3) uint8" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "model.safetensors"), "--out", str(tmp_path / "net.pb")]) == 1
    assert "ends in .onnx or .xml" in capsys.readouterr().err


def test_the_colour_histogram_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        export_model(create_model("colour_histogram", num_ids=0), tmp_path / "net.pb")
