"""Names of runtimes, precisions and vectors, which need no PyTorch."""

from __future__ import annotations

from typing import Literal

RuntimeName = Literal["torch", "compile", "openvino", "onnxruntime"]
Precision = Literal["float32", "bf16", "int8"]
Neck = Literal["after", "before"]

RUNTIMES: dict[RuntimeName, tuple[tuple[Precision, ...], tuple[str, ...]]] = {
    "torch": (("float32", "bf16"), ()),
    "compile": (("float32", "bf16"), ()),
    "openvino": (("float32", "bf16", "int8"), ("openvino",)),
    "onnxruntime": (("float32",), ("onnx", "onnxscript", "onnxruntime")),
}
"""Precisions of each runtime, and the packages it needs."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bf16", "int8")
