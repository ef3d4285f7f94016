"""OpenVINO: on CPUs the fastest by far, in bf16, and in int8 where a little accuracy may go."""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from stca.clips import ClipBatch
from stca.errors import StcaError
from stca.inference.plan import Plan
from stca.inference.runtime import Results
from stca.inference.vectors import VectorNet
from stca.openvino_import import import_openvino, openvino_core

_HINTS = {"float32": "f32", "bf16": "bf16", "int8": "bf16"}
"""What is not quantised computes in bf16 where the processor has it; OpenVINO falls back to float32."""
_PENDING = 3
"""Batches that may be under way at a time."""

Vector = Float32[np.ndarray, " D"]


class OpenVinoRuntime:
    """Single clips, as many at a time as there are cores: a clip's feature maps then stay in a core's cache.

    Args:
        network: what to run, on the CPU.
        plan: precision.
        clip_shape: (T, H, W, 3) of all clips.
        calibration: (N, T, H, W, 3) clips by which int8 chooses its scales.

    Raises:
        StcaError: the network cannot be converted.

    """

    def __init__(
        self,
        network: VectorNet,
        plan: Plan,
        clip_shape: tuple[int, ...],
        *,
        calibration: UInt8[Tensor, "N T H W 3"] | None = None,
    ) -> None:
        ov = import_openvino()

        model = convert(network, clip_shape)
        if plan.precision == "int8":
            assert calibration is not None
            model = quantise(model, calibration)
        streams = len(os.sched_getaffinity(0))
        hint = _HINTS[plan.precision]
        core = openvino_core()
        if hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            hint = "f32"
        settings = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": streams}
        self._compiled = core.compile_model(model, "CPU", settings)
        self._threads = ThreadPoolExecutor(streams)
        self._own = threading.local()
        self.name = f"{plan.precision}, OpenVINO {ov.__version__.split('-')[0]} on cpu, {streams} streams"

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
        raise StcaError(
            "OpenVINO cannot convert this network",
            found=str(error).strip().splitlines()[0],
            hint="runtime=torch",
        ) from error
    return model


def quantise(model: Any, calibration: UInt8[Tensor, "N T H W 3"]) -> Any:
    """Convolutions and matrix products in int8, with scales from the activations of these clips.

    Raises:
        StcaError: NNCF is not installed.

    """
    import_openvino()
    try:
        import nncf
    except ImportError as error:
        raise StcaError(
            "int8 needs NNCF", found=error, hint="pip install 'stca[export]', or precision=bf16"
        ) from error

    clips = nncf.Dataset(calibration.numpy(), lambda clip: clip[None])
    return nncf.quantize(model, clips, subset_size=len(calibration))
