"""Fast inference: choice of runtime and precision, and the runtimes (PyTorch, OpenVINO, ONNX Runtime)."""

from stca.inference.opening import open_runtime
from stca.inference.plan import PRECISIONS, RUNTIMES, Plan, plan_inference
from stca.inference.runtime import Runtime
from stca.inference.vectors import Neck, VectorNet

__all__ = [
    "PRECISIONS",
    "RUNTIMES",
    "Neck",
    "Plan",
    "Runtime",
    "VectorNet",
    "open_runtime",
    "plan_inference",
]
