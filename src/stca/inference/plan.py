"""Choose runtime and precision by hardware, installed packages and the amount of work."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch

from stca.errors import ConfigError, StcaError
from stca.inference.names import PRECISIONS, RUNTIMES, Precision, RuntimeName
from stca.models import ReIDModel
from stca.tools.devices import resolve_device, resolve_precision

CONVERSION_THRESHOLD = 5e14
"""Parameters times pixels from which OpenVINO's faster forward passes pay for the conversion (8 s for `stca`,
2 s for `stca_small` on two cores): 30 clips of STCA at 384x128, 20,000 of `stca_small`."""


@dataclass(frozen=True)
class Plan:
    """How vectors are computed.

    Args:
        runtime: a key of `RUNTIMES`.
        precision: one the runtime has.
        device: where.
        explicit: whether the user named this runtime; otherwise PyTorch is used where it fails.

    """

    runtime: RuntimeName
    precision: Precision
    device: torch.device
    explicit: bool = True

    def __str__(self) -> str:
        return f"{self.precision} by {self.runtime} on {self.device.type}"


def plan_inference(
    model: ReIDModel,
    *,
    frames: int,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
) -> Plan:
    """Choose what is "auto", and check what is not.

    On a GPU PyTorch, in bf16 where it can. On a CPU, where there is enough to do to pay for the conversion,
    OpenVINO if it is installed, in bf16 where the processor computes in it; else PyTorch in float32.

    Args:
        model: what will compute.
        frames: number of frames to compute in all.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "float32", "bf16" or "int8".
        runtime: "auto", or a key of `RUNTIMES`.

    Raises:
        ConfigError: a name that does not exist, or a runtime without that precision or device.
        StcaError: a runtime whose packages are not installed.

    """
    place = resolve_device(device)
    work = frames * model.image_size[0] * model.image_size[1] * sum(p.numel() for p in model.parameters())
    small = place.type == "cpu" and work < CONVERSION_THRESHOLD
    name = _runtime(model, runtime, precision, place=place, small=small)
    if precision not in ("auto", *PRECISIONS):
        raise ConfigError(
            "There is no such precision", expected=f"auto, {', '.join(PRECISIONS)}", found=precision
        )
    explicit = runtime != "auto" or precision == "int8"
    if precision == "auto":
        exact = (small and not explicit) or name == "onnxruntime"
        return Plan(name, "float32" if exact else resolve_precision("auto", place), place, explicit)
    if precision not in RUNTIMES[name][0]:
        raise ConfigError(
            f"The runtime {name} does not compute in {precision}",
            expected=" or ".join(RUNTIMES[name][0]),
            found=f"precision={precision}",
            hint="runtime=openvino" if precision in RUNTIMES["openvino"][0] else None,
        )
    return Plan(name, precision, place, explicit)


def _runtime(
    model: ReIDModel, runtime: str, precision: str, *, place: torch.device, small: bool
) -> RuntimeName:
    if runtime == "auto":
        wanted = place.type == "cpu" and model.exportable and (precision == "int8" or not small)
        name: RuntimeName = "openvino" if wanted and not _missing("openvino") else "torch"
        if precision == "int8":
            name = "openvino"
    elif runtime in RUNTIMES:
        name = runtime
    else:
        raise ConfigError("There is no such runtime", expected=f"auto, {', '.join(RUNTIMES)}", found=runtime)
    check_installed(name)
    if name in ("openvino", "onnxruntime"):
        if place.type != "cpu":
            raise ConfigError(
                f"The runtime {name} is for CPUs here", found=f"device={place.type}", hint="runtime=torch"
            )
        if not model.exportable:
            raise ConfigError(
                "This model cannot be given to another runtime",
                found=type(model).__name__,
                hint="runtime=torch",
            )
    return name


def check_installed(runtime: RuntimeName) -> None:
    """Raise StcaError where a package that the runtime needs is missing."""
    if missing := _missing(runtime):
        raise StcaError(
            f"The runtime {runtime} is not installed",
            expected=", ".join(RUNTIMES[runtime][1]),
            found=f"no {', '.join(missing)}",
            hint="pip install 'stca[export]'",
        )


def _missing(runtime: RuntimeName) -> list[str]:
    return [package for package in RUNTIMES[runtime][1] if importlib.util.find_spec(package) is None]
