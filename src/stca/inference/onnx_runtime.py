"""Inference by ONNX Runtime, in float32, on the CPU."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from stca.clips import ClipBatch
from stca.errors import StcaError, first_line
from stca.inference.runtime import Results
from stca.inference.vectors import VectorNet


class OnnxRuntime:
    """Whole batches at a time.

    Args:
        network: what to run, on the CPU.
        clip_shape: (T, H, W, 3) of all clips.

    Raises:
        StcaError: the network cannot be converted.

    """

    def __init__(self, network: VectorNet, clip_shape: tuple[int, ...]) -> None:
        import onnxruntime

        self._session = open_session(
            to_onnx(network, torch.zeros(2, *clip_shape, dtype=torch.uint8), "frames")
        )
        self.name = f"float32, ONNX Runtime {onnxruntime.__version__} on cpu"

    def map(self, batches: Iterable[ClipBatch]) -> Results:
        """Every batch, and its vectors."""
        for batch in batches:
            (vectors,) = self._session.run(None, {"frames": batch.frames.numpy()})
            yield batch, torch.from_numpy(vectors)

    def close(self) -> None:
        """Nothing to release."""


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Suppress a logger's warnings: torch's exporter warns of missing packages that it does not need here."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def to_onnx(network: torch.nn.Module, example: torch.Tensor, name: str) -> bytes:
    """The network as the content of an ONNX file, for any number of clips; output "vectors".

    Raises:
        StcaError: the network cannot be converted to ONNX.

    """
    try:
        with warnings.catch_warnings(), _quiet("torch.onnx"), torch.inference_mode():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                input_names=[name],
                output_names=["vectors"],
                dynamic_shapes=({0: torch.export.Dim("clips")},),
                verbose=False,
            )
        assert program is not None
    except Exception as error:  # whatever a converter stumbles over
        raise StcaError("This network cannot be written as ONNX", found=first_line(error)) from error
    content: bytes = program.model_proto.SerializeToString()
    return content


def open_session(content: bytes) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, of the content of an ONNX file.

    Raises:
        StcaError: ONNX Runtime does not take it.

    """
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no class
        raise StcaError("ONNX Runtime cannot open this network", found=first_line(error)) from error
