"""Which runtime and precision are chosen, and what is refused."""

import importlib.util

import pytest
import torch

from stca.errors import ConfigError, StcaError
from stca.inference import plan, plan_inference
from stca.models import create_model

SMALL = {"num_ids": 2, "image_size": (32, 16), "width": 4, "layers": (1, 1, 1, 1)}
MUCH = 10**9


def chosen(frames: int, **options: str) -> tuple[str, str]:
    found = plan_inference(create_model("stca_small", **SMALL), frames=frames, device="cpu", **options)
    return found.runtime, found.precision


@pytest.fixture(params=[True, False], ids=["bf16 hardware", "without bf16"])
def bf16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("stca.tools.devices._computes_in_bf16", lambda device: request.param)
    return "bf16" if request.param else "float32"


def test_little_work_is_done_exactly_and_much_is_done_fast(bf16: str) -> None:
    assert chosen(100) == ("torch", "float32")
    assert chosen(MUCH) == ("openvino", bf16)


def test_what_is_asked_for_is_done(bf16: str) -> None:
    assert chosen(100, runtime="torch") == ("torch", bf16)
    assert chosen(MUCH, runtime="torch", precision="float32") == ("torch", "float32")
    assert chosen(100, precision="bf16") == ("torch", "bf16")
    assert chosen(100, precision="int8") == ("openvino", "int8")
    assert chosen(100, runtime="onnxruntime") == ("onnxruntime", "float32")
    assert chosen(100, runtime="openvino", precision="float32") == ("openvino", "float32")


def test_without_openvino_pytorch_does_it(bf16: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        plan.importlib.util, "find_spec", lambda name: None if name == "openvino" else there(name)
    )
    assert chosen(MUCH) == ("torch", bf16)
    for options in ({"runtime": "openvino"}, {"precision": "int8"}):
        with pytest.raises(StcaError, match=r"not installed(.|\n)*stca\[export\]"):
            chosen(MUCH, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tensorrt"}, "no such runtime"),
        ({"precision": "float16"}, "no such precision"),
        ({"runtime": "torch", "precision": "int8"}, r"does not compute in int8(.|\n)*runtime=openvino"),
        ({"runtime": "onnxruntime", "precision": "bf16"}, "does not compute in bf16"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen(100, **options)


def test_a_model_that_is_no_network_stays_in_pytorch() -> None:
    model = create_model("stca_small", **SMALL)
    model.exportable = False
    assert plan_inference(model, frames=MUCH, device="cpu").runtime == "torch"
    with pytest.raises(ConfigError, match="another runtime"):
        plan_inference(model, frames=MUCH, device="cpu", runtime="openvino")


def test_a_gpu_has_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "resolve_device", lambda device: torch.device("cuda"))
    monkeypatch.setattr("stca.tools.devices._computes_in_bf16", lambda device: True)
    model = create_model("stca_small", **SMALL)
    assert str(plan_inference(model, frames=1)) == "bf16 by torch on cuda"
    with pytest.raises(ConfigError, match="is for CPUs"):
        plan_inference(model, frames=1, runtime="openvino")
