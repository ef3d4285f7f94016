"""A detection network in an ONNX file, run by ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from stca.tools.onnx_providers import PROVIDERS, import_onnxruntime, open_session
from stca.tracking.detectors.inputs import TensorInfo
from stca.tracking.detectors.network import NetworkDetector
from stca.tracking.detectors.options import DetectorOptions

_TYPES: Mapping[str, type] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


class OnnxNetwork:
    """An `onnxruntime.InferenceSession` as a `detectors.network.Network`.

    Args:
        session: the session.
        provider: the execution provider that runs it, for messages.

    """

    def __init__(self, session: Any, provider: str = "CPUExecutionProvider") -> None:
        self._session = session
        self.runs_on = f"ONNX Runtime {import_onnxruntime().__version__}, {provider}"
        self.inputs = tuple(
            TensorInfo(
                each.name, np.dtype(_TYPES[each.type]) if each.type in _TYPES else None, tuple(each.shape)
            )
            for each in session.get_inputs()
        )
        self.outputs = tuple(output.name for output in session.get_outputs())
        self.metadata: Mapping[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        # DirectML cannot run one session in several threads.
        self._turn: Any = threading.Lock() if provider == "DmlExecutionProvider" else nullcontext()

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs for these inputs; one core per call."""
        with self._turn:
            results: list[np.ndarray] = self._session.run(None, dict(feeds))
        return results


def open_onnx(path: Path, options: DetectorOptions | None = None) -> NetworkDetector:
    """Open an ONNX file.

    Raises:
        StcaError: onnxruntime is not installed.
        CheckpointError: no ONNX file, or one that is no person detector.
        ConfigError: options that do not fit, or something that only an option can tell.

    """
    options = options or DetectorOptions()
    import_onnxruntime("video")
    # Several threads call at once, each with an image of its own.
    session, device = open_session(str(path), options.device, where=path, threads=1, what="a detector")
    return NetworkDetector(OnnxNetwork(session, PROVIDERS[device][0]), path, options)
