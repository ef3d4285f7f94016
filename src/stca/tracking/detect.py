"""Detectors: an image in, boxes around people out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from stca.errors import ConfigError
from stca.images import RGB
from stca.lookup import find

Boxes = Float32[np.ndarray, "n 4"]
Scores = Float32[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector found in one image.

    Args:
        boxes: (n, 4) float32: left, top, right, bottom, in pixels of the image; may reach beyond it.
        scores: (n,) float32, from 0 to 1.

    """

    boxes: Boxes
    scores: Scores

    def __len__(self) -> int:
        return len(self.scores)


NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class Detector(Protocol):
    """Finds people in images.

    Attributes:
        name: for the records.
        stateful: whether an answer depends on the images before; they must then come in order, each
            once. Others may be asked from several threads at once.

    """

    name: str
    stateful: bool

    def detect(self, image: RGB) -> Detections:
        """Find the people in one (H, W, 3) uint8 RGB image."""
        ...


def open_detector(name: str) -> Detector:
    """Open a detector: `motion`, an .onnx file, an OpenVINO .xml file, or `package.module:function`.

    A file that others trained is recognised by the shapes of its outputs; see `stca.tracking.decoding`.

    Raises:
        ConfigError: no such detector, or no such file.
        CheckpointError: the file holds no person detector.
        StcaError: the runtime that the file needs is not installed.

    """
    from stca.tracking.onnx_detector import open_onnx
    from stca.tracking.openvino_detector import open_openvino

    readers = {".onnx": open_onnx, ".xml": open_openvino}
    path = Path(name)
    if path.suffix in readers:
        if not path.is_file():
            raise ConfigError("There is no such detector file", where=path)
        return readers[path.suffix](path)
    if name not in DETECTORS and (path.exists() or "/" in name):
        raise ConfigError(
            "A detector is known by its suffix", expected=".onnx, or .xml (OpenVINO)", found=name
        )
    detector: Detector = find(DETECTORS, name, kind="detector")()
    return detector


def _motion() -> Detector:
    from stca.tracking.motion import MotionDetector

    return MotionDetector()


DETECTORS: Mapping[str, Callable[[], Detector]] = {"motion": _motion}
