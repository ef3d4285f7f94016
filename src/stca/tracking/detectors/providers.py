"""Where ONNX Runtime computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stca.errors import CheckpointError, ConfigError, StcaError, first_line

PROVIDERS: Mapping[str, tuple[str, str]] = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu, and TensorRT"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime, on macOS"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml, on Windows"),
}
"""Device -> ONNX Runtime's execution provider, and the package that has it."""

_PLUGINS = "it needs TensorRT's plugins: export it without them (YOLOv7: --max-wh 640), or --device tensorrt"

_AUTO = ("cuda", "directml", "openvino")
"""What `auto` tries before the CPU: packages that nobody installs without wishing to use them. TensorRT needs
minutes to build its engine, and CoreML is in every macOS package but computes in float16; they must be named.
"""


def import_onnxruntime() -> Any:
    """The module.

    Raises:
        StcaError: it is not installed.

    """
    try:
        import onnxruntime
    except ImportError as error:
        raise StcaError(
            "A detector in an .onnx file needs onnxruntime", found=error, hint="pip install 'stca[video]'"
        ) from error
    return onnxruntime


def open_session(path: Path, device: str) -> tuple[Any, str]:
    """A session for an ONNX file on a device, and the provider that really runs it.

    Raises:
        StcaError: onnxruntime is not installed.
        ConfigError: it has no provider for that device, or the provider cannot start.
        CheckpointError: no ONNX file.

    """
    runtime = import_onnxruntime()
    available = runtime.get_available_providers()
    if device != "auto":
        provider, package = PROVIDERS[device]
        if provider not in available:
            here = [name for name, (each, _) in PROVIDERS.items() if each in available]
            raise ConfigError(
                f"ONNX Runtime has no {provider} here",
                expected=f"--device {' or '.join(here)}",
                found=device,
                hint=f"pip install {package} (instead of the onnxruntime that is installed)",
            )
        wanted = [device]
    else:
        wanted = [*(name for name in _AUTO if PROVIDERS[name][0] in available), "cpu"]
    for name in wanted:
        session = _session(runtime, path, name, insist=device != "auto")
        if session is not None:
            return session, PROVIDERS[name][0]
    raise AssertionError("the CPU provider is in every build")


def _session(runtime: Any, path: Path, device: str, *, insist: bool) -> Any:
    """None where the provider cannot start and need not."""
    provider = PROVIDERS[device][0]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # several threads call at once, each with an image of its own
    options.log_severity_level = 3
    if device == "directml":  # its documentation asks for both
        options.enable_mem_pattern = False
        options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    if device in ("cuda", "tensorrt") and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # CUDA's libraries as PyTorch's packages bring them
    names = [provider] if device == "cpu" else [provider, "CPUExecutionProvider"]
    try:
        session = runtime.InferenceSession(str(path), options, providers=names)
    except Exception as error:  # onnxruntime has a class of its own for each reason
        if device == "cpu":
            raise CheckpointError(
                "Cannot open a detector",
                expected="an ONNX file",
                found=error,
                where=path,
                hint=_PLUGINS if "_TRT" in str(error) else None,
            ) from error
        if insist:
            raise _not_started(provider, device, first_line(error)) from error
        return None
    if provider not in session.get_providers():  # it warns, and takes the CPU
        if insist:
            raise _not_started(provider, device, "it fell back to the CPU")
        return None
    return session


def _not_started(provider: str, device: str, why: str) -> ConfigError:
    return ConfigError(
        f"{provider} cannot start",
        expected=f"the libraries and the hardware that {device} needs",
        found=why,
        hint="--device cpu, or --device auto, which takes what works",
    )
