"""Fast inference: choice of runtime and precision, and the runtimes (PyTorch, OpenVINO, ONNX Runtime)."""

from typing import TYPE_CHECKING

from stca.inference.names import PRECISIONS, RUNTIMES, Neck
from stca.tools.lazy_imports import homes, lazy_names

if TYPE_CHECKING:
    from stca.inference.opening import open_runtime
    from stca.inference.plan import Plan, plan_inference
    from stca.inference.runtime import Runtime
    from stca.inference.vectors import VectorNet

_MODULES = {
    "opening": "open_runtime",
    "plan": "Plan plan_inference",
    "runtime": "Runtime",
    "vectors": "VectorNet",
}
"""Names by module, imported when first used: the command line asks for the others without PyTorch."""

__getattr__ = lazy_names(__name__, homes(__name__, _MODULES))

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
