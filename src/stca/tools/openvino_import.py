"""OpenVINO, without its telemetry, and with one core for the whole process."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from stca.errors import StcaError


def import_openvino() -> ModuleType:
    """`import openvino`, without its telemetry, which reports every import and conversion.

    A search for people must not be reported to third parties, and without a network the reports keep the
    process from ending. OpenVINO and NNCF take the absence of their telemetry package as a no.

    Raises:
        StcaError: OpenVINO is not installed.

    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # "not to be found"
    try:
        import openvino
    except ImportError as error:
        raise StcaError(
            "OpenVINO is not installed", found=error, hint="pip install 'stca[export]'"
        ) from error
    module: ModuleType = openvino
    return module


@functools.cache
def openvino_core() -> Any:
    """OpenVINO's core, one for the whole life of the process.

    OpenVINO 2026.4 gives the thread that compiles a network an alternate signal stack, and frees it with the
    core, in whatever thread that happens. In another one the first still points there, and the next signal
    (a data loader's worker ends, `git` ends) is a segmentation fault.

    Raises:
        StcaError: OpenVINO is not installed.

    """
    return import_openvino().Core()


def openvino_name() -> str:
    """Name, version and device, as `OpenVINO 2025.1 on cpu`."""
    return f"OpenVINO {import_openvino().__version__.split('-')[0]} on cpu"
