"""A detector from an ONNX file, by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from stca.errors import CheckpointError, StcaError
from stca.footage.images import RGB
from stca.tracking.detectors.decoding import prepare, recognise
from stca.tracking.detectors.detections import Detections

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_SIZE_IF_FREE = 640


class OnnxDetector:
    """A detection network in an ONNX file; one core per call, so several threads may call at once."""

    stateful = False

    def __init__(self, session: Any, path: Path) -> None:
        self.name = path.name
        self._session = session
        self._input, self._dtype, self._size = _only_input(session, path)
        probe = np.zeros((1, 3, *self._size), self._dtype)
        try:
            outputs = session.run(None, {self._input: probe})
        except Exception as error:  # onnxruntime has a class of its own for each reason
            raise CheckpointError("A detector cannot be run", found=error, where=path) from error
        self._family = recognise(outputs, self._size, path)

    def detect(self, image: RGB) -> Detections:
        """Find the people in one (H, W, 3) uint8 RGB image."""
        seen, scale = prepare(image, self._size, self._family)
        outputs = self._session.run(None, {self._input: seen.astype(self._dtype, copy=False)})
        found = self._family.decode(outputs, self._size)
        return Detections(found.boxes / scale, found.scores)


def open_onnx(path: Path) -> OnnxDetector:
    """Open an ONNX file.

    Raises:
        StcaError: onnxruntime is not installed.
        CheckpointError: no ONNX file, or one that is no person detector.

    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise StcaError(
            "A detector in an .onnx file needs onnxruntime", found=error, hint="pip install 'stca[video]'"
        ) from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise CheckpointError(
            "Cannot open a detector", expected="an ONNX file", found=error, where=path
        ) from error
    return OnnxDetector(session, path)


def _only_input(session: Any, path: Path) -> tuple[str, Any, tuple[int, int]]:
    inputs = session.get_inputs()
    shape = list(inputs[0].shape)
    if (
        len(inputs) != 1
        or len(shape) != 4
        or shape[1] not in (3, None, "channels")
        or inputs[0].type not in _TYPES
    ):
        raise CheckpointError(
            "This network is no person detector that can be read",
            expected="one input (1, 3, height, width) of floats",
            found=", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs),
            where=path,
        )
    height, width = (side if isinstance(side, int) else _SIZE_IF_FREE for side in shape[2:])
    return inputs[0].name, _TYPES[inputs[0].type], (height, width)
