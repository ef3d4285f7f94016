"""Every runtime gives PyTorch's vectors: float32 to rounding, bf16 and int8 in their direction."""

import dataclasses
import functools
import os
import subprocess
import sys
import threading
import types
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from stca.clips import ClipBatch, normalise
from stca.errors import StcaError
from stca.inference import Plan, VectorNet, open_runtime, openvino_runtime
from stca.inference.openvino_runtime import OpenVinoRuntime
from stca.inference.runtime import TorchRuntime
from stca.inference.vectors import fold_norms
from stca.models import ReIDModel, ReIDOutput, create_model
from stca.models.heads import IdentityHead
from stca.tools.openvino_import import import_openvino

SIZE, CLIP_LEN = (64, 32), 4
FEW = {"layers": (1, 1, 1, 1)}
"""Every kind of block once: converters take seconds for each of fifty."""


def model_of(name: str, **options: object) -> ReIDModel:
    """With running statistics that are not those of a new network."""
    torch.manual_seed(0)
    fewer = {} if "mobile" in name or (options.get("backbone3d") == "c3d" and name == "cnn3d_small") else FEW
    model = create_model(name, num_ids=3, image_size=SIZE, width=8, **fewer, **options).train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, CLIP_LEN, 3, *SIZE))
    return model.eval()


def batches(count: int = 3, clips: int = 5) -> Iterator[ClipBatch]:
    rng = np.random.default_rng(0)
    for number in range(count):
        frames = rng.integers(0, 256, (clips - (number == count - 1), CLIP_LEN, *SIZE, 3), dtype=np.uint8)
        yield ClipBatch(torch.from_numpy(frames), torch.arange(len(frames)) + 100 * number, ())


def computed_in(runtime: str, precision: str) -> str:
    """OpenVINO computes in float32 what is to be bf16 on a processor without; PyTorch emulates it."""
    there = "BF16" in openvino_runtime.openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "float32" if (runtime, precision, there) == ("openvino", "bf16", False) else precision


def vectors(model: ReIDModel, runtime: str, precision: str, *, neck: str = "after") -> torch.Tensor:
    plan = Plan(runtime, precision, torch.device("cpu"))
    engine = open_runtime(
        model, plan, clip_len=CLIP_LEN, neck=neck, calibration=lambda: next(batches()).frames
    )
    assert engine.name.startswith(f"{computed_in(runtime, precision)}, ")
    found = list(engine.map(batches()))
    assert [batch.rows.tolist() for batch, _ in found] == [batch.rows.tolist() for batch in batches()]
    engine.close()
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
    pytest.param("cnn2d_mobile", {}, id="mobile"),
    pytest.param("sum_small", {"backbone3d": "c3d", "stem_frames": 3}, id="sum-c3d"),
    pytest.param("cnn3d_small", {"backbone3d": "c3d"}, id="cnn3d-c3d"),
]


SLOW_NECKS = [
    pytest.param(*each.values, "before", marks=pytest.mark.slow, id=f"before-{each.id}")
    for each in NETWORKS[1:4]
]
"""What comes before the neck is the same few lines for every network: the first one's test is the fast one."""


@pytest.mark.parametrize(
    ("name", "options", "neck"),
    [
        *(pytest.param(*each.values, "after", id=f"after-{each.id}") for each in NETWORKS[:4]),
        pytest.param(*NETWORKS[0].values, "before", id="before-stca"),
        *SLOW_NECKS,
    ],
)
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
    left = [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d)]
    assert left == []
    torch.testing.assert_close(expected(folded), expected(model), rtol=1e-3, atol=1e-4)
    assert sum(isinstance(m, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d) for m in model.modules()) == norms


@functools.cache
def in_bf16(runtime: str) -> tuple[ReIDModel, torch.Tensor]:
    """STCA and its vectors, which two tests ask for; it takes seconds to convert."""
    model = model_of("stca_small")
    return model, vectors(model, runtime, "bf16")


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_bf16_keeps_the_direction(runtime: str) -> None:
    model, found = in_bf16(runtime)
    assert closeness(found, expected(model)) > 0.999
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_int8_keeps_the_direction() -> None:
    model = model_of("stca_small")
    found = vectors(model, "openvino", "int8")
    assert closeness(found, expected(model)) > 0.98
    assert not torch.equal(found, in_bf16("openvino")[1])  # it is not left as it was


def test_onnx_runtime_is_pytorch() -> None:
    model = model_of("stca_small")
    torch.testing.assert_close(
        vectors(model, "onnxruntime", "float32"), expected(model), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_the_name_says_what_a_processor_without_bf16_does(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_runtime, "_has_bf16", lambda: False)
    model = model_of("cnn2d_small")
    plan = Plan("openvino", precision, torch.device("cpu"))
    engine = open_runtime(model, plan, clip_len=CLIP_LEN, calibration=lambda: next(batches()).frames)
    assert engine.name.startswith("float32, OpenVINO" if precision == "bf16" else "int8, OpenVINO")
    engine.close()


def test_a_runtime_runs_as_often_as_it_is_asked_and_ends_its_threads() -> None:
    model = model_of("cnn2d_small")
    before = threading.active_count()
    plan = Plan("openvino", "float32", torch.device("cpu"))
    engine = open_runtime(model, plan, clip_len=CLIP_LEN, calibration=lambda: next(batches()).frames)
    first, second = (torch.cat([v for _, v in engine.map(batches())]) for _ in range(2))
    assert torch.equal(first, second)
    assert threading.active_count() > before
    engine.close()
    assert threading.active_count() == before


class SilentError(Exception):
    """Says nothing."""


@pytest.mark.parametrize("broken", ["convert", "compile"])
def test_a_failure_without_words_is_no_other_failure(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise SilentError

    if broken == "convert":
        monkeypatch.setattr(import_openvino(), "convert_model", fail)
    else:
        core = types.SimpleNamespace(compile_model=fail)
        monkeypatch.setattr(openvino_runtime, "openvino_core", lambda: core)
    model = model_of("cnn2d_small")
    plan = Plan("openvino", "float32", torch.device("cpu"))
    with pytest.raises(StcaError, match=rf"OpenVINO cannot {broken} (.|\n)*SilentError(.|\n)*runtime=torch"):
        open_runtime(model, plan, clip_len=CLIP_LEN, calibration=lambda: next(batches()).frames)
    plan = dataclasses.replace(plan, explicit=False)
    engine = open_runtime(model, plan, clip_len=CLIP_LEN, calibration=lambda: next(batches()).frames)
    assert "SilentError; PyTorch computes instead" in capsys.readouterr().err
    assert isinstance(engine, TorchRuntime)


def test_what_cannot_be_quantised_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import nncf

    def fail(*args: object, **options: object) -> None:
        raise SilentError

    monkeypatch.setattr(nncf, "quantize", fail)
    with pytest.raises(StcaError, match=r"NNCF cannot quantise(.|\n)*precision=bf16"):
        vectors(model_of("cnn2d_small"), "openvino", "int8")


COMPILED = """
import sys
import numpy as np
import torch
from stca.clips import ClipBatch, normalise
from stca.inference import Plan, VectorNet, open_runtime
from stca.models import create_model

torch.manual_seed(0)
model = create_model("stca_small", num_ids=3, image_size=(64, 32), width=8).eval()
frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 4, 64, 32, 3), dtype=np.uint8))
with torch.inference_mode():
    exact = VectorNet(model)(frames)
engine = open_runtime(model, Plan("compile", sys.argv[1], torch.device("cpu")), clip_len=4, calibration=None)
for clips in (frames, frames, frames[:3]):  # the last batch is smaller
    ((_, found),) = engine.map([ClipBatch(clips, torch.arange(len(clips)), ())])
    print(float(torch.cosine_similarity(found, exact[: len(clips)]).min()))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "least"), [("float32", 1 - 1e-5), ("bf16", 0.999)])
def test_a_compiled_network_is_pytorch(precision: str, least: float) -> None:
    # In a process of its own: the compiler would compile the checks of annotations, too, and stumble. All cores,
    # as users have them: code for one is other code.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", COMPILED, precision]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    cosines = [float(line) for line in done.stdout.split()]
    assert len(cosines) == 3
    assert min(cosines) > least


def test_where_nobody_insists_pytorch_stands_in(capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of("sum_small", backbone3d="c3d", stem_frames=3)  # OpenVINO: no pool over a single frame
    plan = Plan("openvino", "float32", torch.device("cpu"), explicit=False)
    engine = open_runtime(model, plan, clip_len=CLIP_LEN, calibration=lambda: next(batches()).frames)
    assert "PyTorch computes instead" in capsys.readouterr().err
    assert engine.name == f"float32, PyTorch {torch.__version__} torch on cpu"
    torch.testing.assert_close(torch.cat([v for _, v in engine.map(batches())]), expected(model))


def test_a_network_that_no_converter_takes_is_an_error() -> None:
    class Strange(ReIDModel):
        def __init__(self) -> None:
            super().__init__(image_size=SIZE)
            self.head = IdentityHead()

        def features(self, clips: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(clips[:, 0, 0, :32, :32]).real

    with pytest.raises(StcaError, match="OpenVINO cannot convert"):
        OpenVinoRuntime(VectorNet(Strange()), Plan("openvino", "float32", torch.device("cpu")), (4, *SIZE, 3))


class _UnitLength(torch.nn.Module):
    """A head that does more than a norm between vector and embedding."""

    def forward(self, pooled: torch.Tensor) -> ReIDOutput:
        return ReIDOutput(pooled, torch.nn.functional.normalize(pooled), pooled.new_zeros(len(pooled), 0))


def test_a_head_of_another_kind_gives_its_own_embedding() -> None:
    model = create_model("cnn2d_small", num_ids=3, image_size=(32, 16))
    model.head = _UnitLength()
    frames = torch.randint(256, (2, 4, 32, 16, 3), dtype=torch.uint8)
    with torch.inference_mode():
        after, before = VectorNet(model)(frames), VectorNet(model, neck="before")(frames)
        wanted = model(normalise(frames))
    torch.testing.assert_close(after, wanted.embedding)
    torch.testing.assert_close(before, wanted.pooled)
    assert not torch.allclose(after, before)
