"""OpenVINO: on CPUs the fastest by far, in bf16, and in int8 where a little accuracy may go."""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Iterable
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

_HINTS = {"float32": "f32", "bf16": "bf16", "int8": "bf16"}
"""What is not quantised computes in bf16 where the processor has it; OpenVINO falls back to float32."""
_PENDING = 3
"""Batches that may be under way at a time."""


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
        import openvino as ov

        model = convert(network, clip_shape)
        if plan.precision == "int8":
            assert calibration is not None
            model = quantise(model, calibration)
        streams = len(os.sched_getaffinity(0))
        hint = _HINTS[plan.precision]
        core = ov.Core()
        if hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            hint = "f32"
        settings = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": streams}
        self._compiled = core.compile_model(model, "CPU", settings)
        self._queue = ov.AsyncInferQueue(self._compiled, 2 * streams)
        self._queue.set_callback(_finish)
        self._dim = int(self._compiled.output(0).shape[-1])
        self.name = f"{plan.precision}, OpenVINO {ov.__version__.split('-')[0]} on cpu, {streams} streams"

    def map(self, batches: Iterable[ClipBatch]) -> Results:
        """Every batch, and its vectors."""
        pending: deque[_Pending] = deque()
        for batch in batches:
            pending.append(self._start(batch))
            if len(pending) == _PENDING:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def _start(self, batch: ClipBatch) -> _Pending:
        pending = _Pending(batch, self._dim)
        for row, clip in enumerate(batch.frames.numpy()):
            self._queue.start_async(clip[None], (pending, row))
        return pending


class _Pending:
    """A batch whose clips are under way."""

    def __init__(self, batch: ClipBatch, dim: int) -> None:
        self.batch = batch
        self.vectors: Float32[np.ndarray, "B D"] = np.empty((len(batch.rows), dim), np.float32)
        self._left, self._lock, self._done = len(batch.rows), threading.Lock(), threading.Event()

    def finish(self, row: int, vector: np.ndarray) -> None:
        self.vectors[row] = vector
        with self._lock:
            self._left -= 1
            if not self._left:
                self._done.set()

    def result(self) -> tuple[ClipBatch, Tensor]:
        self._done.wait()
        return self.batch, torch.from_numpy(self.vectors)


def _finish(request: Any, place: tuple[_Pending, int]) -> None:
    pending, row = place
    pending.finish(row, request.get_output_tensor(0).data[0])


def convert(network: VectorNet, clip_shape: tuple[int, ...], *, batch: int = 1) -> Any:
    """An `openvino.Model` of the network for clips (batch, T, H, W, 3) uint8; -1: any number.

    Raises:
        StcaError: it cannot be converted.

    """
    import openvino as ov

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
    try:
        import nncf
    except ImportError as error:
        raise StcaError(
            "int8 needs NNCF", found=error, hint="pip install 'stca[export]', or precision=bf16"
        ) from error

    clips = nncf.Dataset(calibration.numpy(), lambda clip: clip[None])
    return nncf.quantize(model, clips, subset_size=len(calibration))
