"""Opening a detector by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stca.errors import ConfigError
from stca.tools.lookup import find
from stca.tracking.detectors.detections import Detector
from stca.tracking.detectors.motion import MotionDetector
from stca.tracking.detectors.onnx import open_onnx
from stca.tracking.detectors.openvino import open_openvino

DETECTORS: Mapping[str, Callable[[], Detector]] = {"motion": MotionDetector}

_READERS: Mapping[str, Callable[[Path], Detector]] = {".onnx": open_onnx, ".xml": open_openvino}


def open_detector(name: str) -> Detector:
    """Open a detector: `motion`, an .onnx file, an OpenVINO .xml file, or `package.module:function`.

    A file that others trained is recognised by the shapes of its outputs; see `detectors.decoding`.

    Raises:
        ConfigError: no such detector, or no such file.
        CheckpointError: the file holds no person detector.
        StcaError: the runtime that the file needs is not installed.

    """
    path = Path(name)
    if path.suffix in _READERS:
        if not path.is_file():
            raise ConfigError("There is no such detector file", where=path)
        return _READERS[path.suffix](path)
    if name not in DETECTORS and (path.exists() or "/" in name):
        raise ConfigError(
            "A detector is known by its suffix", expected=".onnx, or .xml (OpenVINO)", found=name
        )
    detector: Detector = find(DETECTORS, name, kind="detector")()
    return detector
