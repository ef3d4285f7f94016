"""ONNX Runtime: which execution provider runs a network, and opening a session on it."""

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
"""Device -> execution provider, and the package that has it."""

_PLUGINS = "it needs TensorRT's plugins: export it without them (YOLOv7: --max-wh 640), or --device tensorrt"

_AUTO = ("cuda", "directml", "openvino")
"""What `auto` tries before the CPU: packages that nobody installs without wishing to use them. TensorRT needs
minutes to build its engine, and CoreML is in every macOS package but computes in float16; they must be named.
"""


def import_onnxruntime(extra: str = "export") -> Any:
    """The module.

    Args:
        extra: of this package, that installs it.

    Raises:
        StcaError: it is not installed.

    """
    try:
        import onnxruntime
    except ImportError as error:
        raise StcaError(
            "A network in an .onnx file needs onnxruntime",
            found=error,
            hint=f"pip install 'stca[{extra}]'",
        ) from error
    return onnxruntime


def devices_to_try(device: str) -> list[str]:
    """The device that is named; for "auto" those that ONNX Runtime has a provider for, the CPU last.

    Args:
        device: "auto" or a key of `PROVIDERS`.

    Raises:
        ConfigError: no such device, or this ONNX Runtime has no provider for it.
        StcaError: onnxruntime is not installed.

    """
    available = import_onnxruntime().get_available_providers()
    if device == "auto":
        return [*(name for name in _AUTO if PROVIDERS[name][0] in available), "cpu"]
    if device not in PROVIDERS:
        raise ConfigError(
            "There is no such device", expected=f"auto, {', '.join(PROVIDERS)}", found=f"device={device}"
        )
    provider, package = PROVIDERS[device]
    if provider not in available:
        here = [name for name, (each, _) in PROVIDERS.items() if each in available]
        raise ConfigError(
            f"ONNX Runtime has no {provider} here",
            expected=f"--device {' or '.join(here)}",
            found=device,
            hint=f"pip install {package} (instead of the onnxruntime that is installed)",
        )
    return [device]


def open_session(
    model: str | bytes, device: str, *, where: Path, threads: int, what: str = "a network"
) -> tuple[Any, str]:
    """Open a session on a device.

    Args:
        model: path or content of an ONNX file.
        device: "auto" or a key of `PROVIDERS`.
        where: the file, for errors.
        threads: inside an operation.
        what: the kind of network, for errors.

    Returns:
        the session, and the device that really runs it.

    Raises:
        StcaError: onnxruntime is not installed.
        ConfigError: it has no provider for that device, or the provider cannot start.
        CheckpointError: no ONNX file.

    """
    for name in devices_to_try(device):
        session = _session(model, name, where, threads, what, insist=device != "auto")
        if session is not None:
            return session, name
    raise AssertionError("the CPU provider is in every build")


def _session(model: str | bytes, device: str, where: Path, threads: int, what: str, *, insist: bool) -> Any:
    """None where the provider cannot start and need not."""
    runtime, provider = import_onnxruntime(), PROVIDERS[device][0]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others compute here too
    options.log_severity_level = 3
    if device == "directml":  # its documentation asks for both
        options.enable_mem_pattern = False
        options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    if device in ("cuda", "tensorrt") and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # CUDA's libraries as PyTorch's packages bring them
    names = [provider] if device == "cpu" else [provider, "CPUExecutionProvider"]
    try:
        session = runtime.InferenceSession(model, options, providers=names)
    except Exception as error:  # onnxruntime has a class of its own for each reason
        if device == "cpu":
            raise CheckpointError(
                f"Cannot open {what}",
                expected="an ONNX file",
                found=first_line(error),
                where=where,
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
