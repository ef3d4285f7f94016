"""Inference by OpenVINO on the CPU, in float32, bf16 or int8."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from stca.clips import ClipBatch
from stca.errors import StcaError, first_line
from stca.inference.plan import Plan
from stca.inference.runtime import Results
from stca.inference.vectors import VectorNet
from stca.tools.cores import cores
from stca.tools.openvino_import import import_openvino, openvino_core, openvino_name

_PENDING = 3
"""Batches in flight at a time."""

Vector = Float32[np.ndarray, " D"]


class OpenVinoRuntime:
    """Single clips, as many at a time as there are cores: a clip's feature maps then stay in a core's cache.

    Args:
        network: what to run, on the CPU.
        plan: precision.
        clip_shape: (T, H, W, 3) of all clips.
        calibration: (N, T, H, W, 3) clips by which int8 chooses its scales.

    Raises:
        StcaError: the network cannot be converted, quantised or compiled, or a package is missing.

    """

    def __init__(
        self,
        network: VectorNet,
        plan: Plan,
        clip_shape: tuple[int, ...],
        *,
        calibration: UInt8[Tensor, "N T H W 3"] | None = None,
    ) -> None:
        model = convert(network, clip_shape)
        if plan.precision == "int8":
            assert calibration is not None
            model = quantise(model, calibration)
        streams = cores()
        # What is not quantised computes in bf16 where the processor has it.
        bf16 = plan.precision != "float32" and _has_bf16()
        self._compiled = compile_on_cpu(model, "bf16" if bf16 else "f32", NUM_STREAMS=streams)
        self._threads = ThreadPoolExecutor(streams)
        self._own = threading.local()
        precision = "float32" if plan.precision == "bf16" and not bf16 else plan.precision
        self.name = f"{precision}, {openvino_name()}, {streams} streams"

    def map(self, batches: Iterable[ClipBatch]) -> Results:
        """Every batch, and its vectors."""
        pending: deque[tuple[ClipBatch, list[Future[Vector]]]] = deque()
        for batch in batches:
            clips = [self._threads.submit(self._infer, clip[None]) for clip in batch.frames.numpy()]
            pending.append((batch, clips))
            if len(pending) == _PENDING:
                yield _finished(*pending.popleft())
        while pending:
            yield _finished(*pending.popleft())

    def close(self) -> None:
        """End the threads; what they have not begun is not done."""
        self._threads.shutdown(cancel_futures=True)

    def _infer(self, clip: UInt8[np.ndarray, "1 T H W 3"]) -> Vector:
        """In one of the threads, each with a request of its own."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        self._own.request.infer([clip])
        return np.array(self._own.request.get_output_tensor(0).data[0], np.float32)


def _finished(batch: ClipBatch, clips: list[Future[Vector]]) -> tuple[ClipBatch, Tensor]:
    return batch, torch.from_numpy(np.stack([clip.result() for clip in clips]))


def convert(network: VectorNet, clip_shape: tuple[int, ...], *, batch: int = 1) -> Any:
    """An `openvino.Model` of the network for clips (batch, T, H, W, 3) uint8; -1: any number.

    Raises:
        StcaError: it cannot be converted.

    """
    ov = import_openvino()

    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            frames = torch.zeros(1, *clip_shape, dtype=torch.uint8)
            model = ov.convert_model(network, example_input=frames)
        model.reshape([batch, *clip_shape])
    except Exception as error:  # whatever a converter stumbles over
        raise StcaError("OpenVINO cannot convert this network", found=first_line(error)) from error
    return model


def compile_on_cpu(model: Any, precision: Literal["f32", "bf16"], **settings: object) -> Any:
    """An `openvino.CompiledModel`.

    Raises:
        StcaError: OpenVINO cannot compile it.

    """
    try:
        return openvino_core().compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": precision, **settings}
        )
    except Exception as error:
        raise StcaError("OpenVINO cannot compile this network", found=first_line(error)) from error


def _has_bf16() -> bool:
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def quantise(model: Any, calibration: UInt8[Tensor, "N T H W 3"]) -> Any:
    """Convolutions and matrix products in int8, with scales from the activations of these clips.

    Raises:
        StcaError: NNCF is not installed, or cannot do it.

    """
    import_openvino()
    try:
        import nncf
    except ImportError as error:
        raise StcaError(
            "int8 needs NNCF", found=error, hint="pip install 'stca[export]', or precision=bf16"
        ) from error

    clips = nncf.Dataset(calibration.numpy(), lambda clip: clip[None])
    try:
        return nncf.quantize(model, clips, subset_size=len(calibration))
    except Exception as error:
        raise StcaError(
            "NNCF cannot quantise this network", found=first_line(error), hint="precision=bf16"
        ) from error
