"""OpenVINO, without its telemetry."""

from __future__ import annotations

import sys
from types import ModuleType

from stca.errors import StcaError


def import_openvino() -> ModuleType:
    """`import openvino`, which otherwise reports every import and conversion to its makers.

    What people are searched for with is nobody's business, and without a network the reports keep the process
    from ending. OpenVINO and NNCF take the absence of their telemetry package as a no.

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
