"""A detector from OpenVINO's intermediate representation (.xml with .bin beside it)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from stca.errors import CheckpointError
from stca.footage.images import RGB
from stca.tools.openvino_import import openvino_core
from stca.tracking.detectors.decoding import prepare, recognise
from stca.tracking.detectors.detections import Detections


class OpenVinoDetector:
    """A detection network for OpenVINO; every thread that calls has a request of its own."""

    stateful = False

    def __init__(self, compiled: Any, path: Path) -> None:
        self.name = path.name
        self._compiled = compiled
        self._local = threading.local()
        shape = [int(side) for side in compiled.input(0).shape]
        if len(compiled.inputs) != 1 or len(shape) != 4 or shape[:2] != [1, 3]:
            raise CheckpointError(
                "This network is no person detector that can be read",
                expected="one input (1, 3, height, width)",
                found=[list(each.shape) for each in compiled.inputs],
                where=path,
            )
        self._size = shape[2], shape[3]
        self._family = recognise(self._run(np.zeros(shape, np.float32)), self._size, path)

    def detect(self, image: RGB) -> Detections:
        """Find the people in one (H, W, 3) uint8 RGB image."""
        seen, scale = prepare(image, self._size, self._family)
        found = self._family.decode(self._run(seen), self._size)
        return Detections(found.boxes / scale, found.scores)

    def _run(self, seen: np.ndarray) -> list[np.ndarray]:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        results = self._local.request.infer([seen], share_inputs=True, share_outputs=True)
        return [np.asarray(results[output]) for output in self._compiled.outputs]


def open_openvino(path: Path) -> OpenVinoDetector:
    """Open an .xml file; its .bin file must lie beside it.

    Raises:
        StcaError: OpenVINO is not installed.
        CheckpointError: no such network, or one that is no person detector.

    """
    core = openvino_core()
    try:
        compiled = core.compile_model(str(path), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
        return OpenVinoDetector(compiled, path)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            "Cannot open a detector",
            expected="OpenVINO's .xml with its .bin beside it",
            found=str(error).strip().splitlines()[-1],
            where=path,
        ) from error
