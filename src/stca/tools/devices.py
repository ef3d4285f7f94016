"""Devices, precision, freed memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Literal

import torch

from stca.errors import ConfigError, StcaError, first_line


def resolve_device(device: str) -> torch.device:
    """`auto` is the GPU where there is one.

    Raises:
        ConfigError: "cuda" on a machine without.

    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("There is no GPU here", expected="device=cpu", found=device)
    return torch.device(device)


def resolve_precision(precision: str, device: torch.device) -> Literal["float32", "bf16"]:
    """`auto` is bf16 where the hardware computes in it, float32 elsewhere."""
    if precision == "auto":
        return "bf16" if _computes_in_bf16(device) else "float32"
    if precision not in ("float32", "bf16"):
        raise ConfigError("There is no such precision", expected="auto, float32 or bf16", found=precision)
    return "bf16" if precision == "bf16" else "float32"


def compiled(function: Callable[..., Any], *, instead: str) -> Callable[..., Any]:
    """`torch.compile`, with one clear error where the compiler fails, which is seen at the first call.

    Args:
        function: or module.
        instead: the setting that does without.

    Raises:
        StcaError: at a call: it cannot be compiled.

    """
    fast = torch.compile(function)

    def call(*values: Any, **options: Any) -> Any:
        try:
            return fast(*values, **options)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise StcaError(
                "The network cannot be compiled",
                expected="a C++ compiler (on a CPU), Triton (on a GPU)",
                found=first_line(error),
                hint=instead,
            ) from error

    return call


def keep_freed_memory() -> bool:
    """Let the C library keep memory that tensors gave back, for the next ones, to the end of the process.

    glibc hands every large block back to the kernel at once, which must then clear it anew for the next
    tensor: about a fifth of an eager training step on a CPU. Returns whether there was a glibc to ask.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return False
    never_by_mmap, trim_threshold = (-4, 0), (-1, 2**31 - 1)  # M_MMAP_MAX, M_TRIM_THRESHOLD
    return all([libc.mallopt(*never_by_mmap), libc.mallopt(*trim_threshold)])


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not hasattr(torch.cpu, "get_capabilities"):  # PyTorch before 2.11
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
