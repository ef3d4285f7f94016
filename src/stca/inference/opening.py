"""Open the runtime that a plan names."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

from jaxtyping import UInt8
from torch import Tensor

from stca.errors import StcaError
from stca.inference.names import Neck
from stca.inference.plan import Plan
from stca.inference.runtime import Runtime, TorchRuntime
from stca.inference.vectors import VectorNet
from stca.models import ReIDModel

Calibration = Callable[[], UInt8[Tensor, "N T H W 3"]]


def open_runtime(
    model: ReIDModel, plan: Plan, *, clip_len: int, neck: Neck = "after", calibration: Calibration
) -> Runtime:
    """The plan's runtime with this network in it; to be closed.

    Args:
        model: what to run.
        plan: of `plan_inference`.
        clip_len: T of all clips.
        neck: which vectors.
        calibration: returns clips for int8's scales; called only for int8.

    Raises:
        StcaError: the network cannot be converted (only if the plan is explicit), or a package is missing.

    """
    if plan.runtime in ("torch", "compile"):
        return TorchRuntime(model, plan, neck)
    try:
        return _converted(model, plan, clip_len, neck, calibration)
    except StcaError as error:
        if plan.explicit:
            raise StcaError(error.what, found=error.found, hint=error.hint or "runtime=torch") from error
        print(f"warning: {error.what}: {error.found}; PyTorch computes instead", file=sys.stderr)
        return TorchRuntime(model, dataclasses.replace(plan, runtime="torch"), neck)


def _converted(model: ReIDModel, plan: Plan, clip_len: int, neck: Neck, calibration: Calibration) -> Runtime:
    network = VectorNet(model.to(plan.device), neck=neck)
    shape = (clip_len, *model.image_size, 3)
    if plan.runtime == "onnxruntime":
        from stca.inference.onnx_runtime import OnnxRuntime

        return OnnxRuntime(network, shape)
    from stca.inference.openvino_runtime import OpenVinoRuntime

    clips = calibration() if plan.precision == "int8" else None
    return OpenVinoRuntime(network, plan, shape, calibration=clips)
