"""ONNX Runtime's execution providers by the names of devices."""

from __future__ import annotations

from stca.errors import ConfigError, StcaError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
_AUTO = ("cuda", "directml")
"""What "auto" takes where ONNX Runtime has it. TensorRT builds an engine for minutes, CoreML and OpenVINO may
compute in half precision: these three are taken only where they are named."""


def choose_providers(device: str) -> list[str]:
    """Execution providers for `onnxruntime.InferenceSession`, the CPU's last.

    Args:
        device: "auto" or a key of `PROVIDERS`.

    Raises:
        ConfigError: no such device, or this build of ONNX Runtime has no provider for it.
        StcaError: onnxruntime is not installed.

    """
    try:
        import onnxruntime
    except ImportError as error:
        raise StcaError(
            "Opening .onnx files needs onnxruntime", found=error, hint="pip install 'stca[export]'"
        ) from error
    available = onnxruntime.get_available_providers()
    if device == "auto":
        device = next((name for name in _AUTO if PROVIDERS[name] in available), "cpu")
    if device not in PROVIDERS:
        raise ConfigError(
            "There is no such device", expected=f"auto, {', '.join(PROVIDERS)}", found=f"device={device}"
        )
    if PROVIDERS[device] not in available:
        here = [name for name, provider in PROVIDERS.items() if provider in available]
        raise ConfigError(
            f"This ONNX Runtime has no {PROVIDERS[device]}",
            expected=f"one of {', '.join(here)}",
            found=f"device={device}, onnxruntime {onnxruntime.__version__}",
            hint="install the build of ONNX Runtime for it (onnxruntime-gpu for cuda and tensorrt, "
            "onnxruntime-openvino, onnxruntime-directml), in place of onnxruntime",
        )
    return [PROVIDERS[device]] if device == "cpu" else [PROVIDERS[device], PROVIDERS["cpu"]]


def device_of(provider: str) -> str:
    """The device's name of an execution provider; the provider's own where it has none here."""
    return next((name for name, each in PROVIDERS.items() if each == provider), provider)
