"""Names of runtimes and precisions, which need no PyTorch."""

from __future__ import annotations

from typing import Literal

RuntimeName = Literal["torch", "compile", "openvino", "onnxruntime"]
Precision = Literal["float32", "bf16", "int8"]

RUNTIMES: dict[RuntimeName, tuple[tuple[Precision, ...], tuple[str, ...]]] = {
    "torch": (("float32", "bf16"), ()),
    "compile": (("float32", "bf16"), ()),
    "openvino": (("float32", "bf16", "int8"), ("openvino",)),
    "onnxruntime": (("float32",), ("onnx", "onnxscript", "onnxruntime")),
}
"""Precisions of each runtime, and the packages it needs."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bf16", "int8")
