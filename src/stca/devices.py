"""Which processor, and in which precision."""

from __future__ import annotations

from typing import Literal

import torch

from stca.errors import ConfigError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bf16"]


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
    """`auto` is bf16 on a GPU that computes in it, float32 elsewhere."""
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return "bf16" if fast else "float32"
    if precision not in ("float32", "bf16"):
        raise ConfigError("There is no such precision", expected="auto, float32 or bf16", found=precision)
    return "bf16" if precision == "bf16" else "float32"
