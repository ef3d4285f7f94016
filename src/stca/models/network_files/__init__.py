"""Networks in files of other tools (ONNX, OpenVINO IR): inputs, outputs, and what their graphs tell."""

from stca.models.network_files.interface import PIXELS, NetworkInput, OpenedNetwork, Pixels
from stca.models.network_files.onnx_file import open_onnx
from stca.models.network_files.openvino_file import open_openvino

__all__ = ["PIXELS", "NetworkInput", "OpenedNetwork", "Pixels", "open_onnx", "open_openvino"]
