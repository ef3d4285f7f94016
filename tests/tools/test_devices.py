"""Which processor and precision "auto" is, on machines of every kind."""

import ctypes
import os

import pytest
import torch

from stca.errors import ConfigError, StcaError
from stca.tools import devices
from stca.tools.cores import cores
from stca.tools.devices import compiled, keep_freed_memory, resolve_device, resolve_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("gpu", [True, False])
def test_auto_is_the_gpu_where_there_is_one(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert resolve_device("auto") == (GPU if gpu else CPU)
    assert resolve_device("cpu") == CPU
    if gpu:
        assert resolve_device("cuda:1") == torch.device("cuda", 1)
    else:
        with pytest.raises(ConfigError, match=r"no GPU(.|\n)*device=cpu"):
            resolve_device("cuda")


@pytest.mark.parametrize(
    ("capabilities", "bf16"),
    [({}, False), ({"avx512_bf16": True}, True), ({"avx512_bf16": False, "amx_bf16": True}, True)],
)
def test_a_cpu_computes_in_bf16_where_it_can(
    capabilities: dict[str, bool], bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert resolve_precision("auto", CPU) == ("bf16" if bf16 else "float32")
    assert resolve_precision("bf16", CPU) == "bf16"
    assert resolve_precision("float32", CPU) == "float32"


def test_a_pytorch_that_cannot_say_so_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto", CPU) == "float32"


@pytest.mark.parametrize("bf16", [True, False])
def test_a_gpu_that_only_emulates_it_has_none(bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: bf16)
    assert resolve_precision("auto", GPU) == ("bf16" if bf16 else "float32")


def test_another_precision_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no such precision(.|\n)*float16"):
        resolve_precision("float16", CPU)


def test_without_glibc_memory_goes_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> ctypes.CDLL:
        raise OSError(name)

    monkeypatch.setattr(devices.ctypes, "CDLL", no_library)
    assert keep_freed_memory() is False


def test_cores_are_those_that_may_be_used() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_a_compiler_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_values: torch.Tensor) -> torch.Tensor:
        raise torch._dynamo.exc.InternalTorchDynamoError("no g++\nand much more")

    monkeypatch.setattr(torch, "compile", lambda _function: failing)
    call = compiled(torch.sqrt, instead="compile=false")
    with pytest.raises(StcaError, match=r"cannot be compiled(.|\n)*no g\+\+(.|\n)*compile=false"):
        call(torch.ones(1))
