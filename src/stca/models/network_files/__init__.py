"""Networks in files of other tools (ONNX, OpenVINO IR): inputs, outputs, and what their graphs tell."""

from typing import TYPE_CHECKING

from stca.models.network_files.interface import PIXELS, NetworkInput, OpenedNetwork, Pixels
from stca.tools.lazy_imports import homes, lazy_names

if TYPE_CHECKING:
    from stca.models.network_files.onnx_file import open_onnx
    from stca.models.network_files.openvino_file import open_openvino

_MODULES = {"onnx_file": "open_onnx", "openvino_file": "open_openvino"}

__getattr__ = lazy_names(__name__, homes(__name__, _MODULES))

__all__ = ["PIXELS", "NetworkInput", "OpenedNetwork", "Pixels", "open_onnx", "open_openvino"]
