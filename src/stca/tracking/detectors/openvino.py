"""A detection network in OpenVINO's intermediate representation (.xml with .bin beside it)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stca.errors import CheckpointError, ConfigError
from stca.tools.openvino_import import openvino_core, openvino_name
from stca.tracking.detectors.inputs import TensorInfo
from stca.tracking.detectors.network import NetworkDetector
from stca.tracking.detectors.options import DetectorOptions


class OpenVinoNetwork:
    """An `openvino.CompiledModel` as a `detectors.network.Network`; a request of its own for every thread.

    Args:
        compiled: the compiled model.
        metadata: what its file says, e.g. class names.

    """

    def __init__(self, compiled: Any, metadata: Mapping[str, str] | None = None) -> None:
        self._compiled = compiled
        self._local = threading.local()
        self.runs_on = openvino_name()
        self.inputs = tuple(
            TensorInfo(_name(each, i), _dtype(each), _shape(each)) for i, each in enumerate(compiled.inputs)
        )
        self.outputs = tuple(_name(each, i) for i, each in enumerate(compiled.outputs))
        self.metadata: Mapping[str, str] = metadata or {}

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs for these inputs."""
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        values = [feeds[each.name] for each in self.inputs]
        results = self._local.request.infer(values, share_inputs=True, share_outputs=True)
        return [np.asarray(results[output]) for output in self._compiled.outputs]


def open_openvino(path: Path, options: DetectorOptions | None = None) -> NetworkDetector:
    """Open an .xml file; its .bin file must lie beside it.

    Raises:
        StcaError: OpenVINO is not installed.
        CheckpointError: no such network, or one that is no person detector.
        ConfigError: options that do not fit, or something that only an option can tell.

    """
    options = options or DetectorOptions()
    core = openvino_core()
    if options.device not in ("auto", "cpu", "openvino"):
        raise ConfigError(
            "A detector in an .xml file is run by OpenVINO on the CPU",
            expected="--device auto, cpu or openvino",
            found=options.device,
            hint="export the network as .onnx",
        )
    try:
        model = core.read_model(str(path))
        compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
        network = OpenVinoNetwork(compiled, _metadata(model))
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            "Cannot open a detector",
            expected="OpenVINO's .xml with its .bin beside it",
            found=str(error).strip().splitlines()[-1],
            where=path,
        ) from error
    return NetworkDetector(network, path, options)


def _metadata(model: Any) -> dict[str, str]:
    """Class names as `names`, as ONNX files of the same exporters have them."""
    place = ["model_info", "labels"]
    if not model.has_rt_info(place):
        return {}
    labels = str(model.get_rt_info(place).astype(str)).split()
    return {"names": repr([label.replace("_", " ") for label in labels])} if labels else {}


def _name(port: Any, index: int) -> str:
    names = sorted(port.get_names())
    return names[0] if names else f"port {index}"


def _dtype(port: Any) -> np.dtype | None:
    try:
        dtype: np.dtype = np.dtype(port.get_element_type().to_dtype())
        return dtype
    except (RuntimeError, TypeError):  # types that NumPy has not, e.g. bfloat16
        return None


def _shape(port: Any) -> tuple[int | None, ...]:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return ()
    return tuple(None if side.is_dynamic else side.get_length() for side in shape)
