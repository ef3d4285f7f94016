"""Opening a detector by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stca.catalogue import NETWORKS, best, path_of
from stca.errors import CheckpointError, ConfigError, StcaError, first_line
from stca.tools.lookup import find, suggest
from stca.tracking.detectors.detections import Detector
from stca.tracking.detectors.motion import MotionDetector
from stca.tracking.detectors.onnx import open_onnx
from stca.tracking.detectors.openvino import open_openvino
from stca.tracking.detectors.options import DetectorOptions

DETECTORS: Mapping[str, Callable[[], Detector]] = {"motion": MotionDetector}

AUTO = "auto"
"""Stands for a choice between the two detectors of the package, for every video; see `choice`."""

PACKAGED = "person_mobile"
"""The detection network in the package; see docs/model_card.md."""

_PACKAGED_FILE = Path(__file__).with_name(f"{PACKAGED}.onnx")

_READERS: Mapping[str, Callable[[Path, DetectorOptions], Detector]] = {
    ".onnx": open_onnx,
    ".xml": open_openvino,
}


def open_detector(
    name: str,
    *,
    person_class: int | None = None,
    pixels: str | None = None,
    layout: str | None = None,
    device: str = "auto",
) -> Detector:
    """Open a detector of the package, of the catalogue, in an .onnx or OpenVINO .xml file, or a function.

    In the package are `person_mobile`, a network, and `motion`, for cameras that stand still. One of the
    catalogue (`stca weights list --kind detector`) must have been fetched before; a function of your own is
    named `package.module:function`.

    What a network's outputs mean is told by their shapes and values; see `detectors.decoding`. The options
    are for what its file does not say.

    Args:
        name: as above.
        person_class: class id of a person, counted from 0; default: by the class names in the file, or the
            order of COCO or Objects365.
        pixels: `unit-rgb` (0 to 1), `imagenet-rgb` (normalised as for ImageNet), `raw-rgb` or `raw-bgr` (0 to
            255); default: what the network's family is trained with.
        layout: a key of `detectors.decoding.LAYOUTS`; default: told by the outputs.
        device: `auto`, `cpu`, `cuda`, `tensorrt`, `openvino`, `coreml` or `directml`.

    Raises:
        ConfigError: no such detector or file, options that do not fit, or something that only an option can
            tell; the message names the option.
        CheckpointError: the file holds no person detector.
        StcaError: the runtime that the file needs is not installed.

    """
    return open_with_options(name, DetectorOptions(person_class, pixels, layout, device))


def open_with_options(name: str, options: DetectorOptions) -> Detector:
    """As `open_detector`, with the options as one object."""
    path = Path(detector_file(name) or name)
    if path.suffix.lower() in _READERS:
        return _open_packaged(options) if path == _PACKAGED_FILE else _open_file(path, options)
    if name and name not in DETECTORS and (path.exists() or "/" in name):
        raise ConfigError(
            "A detector is known by its suffix", expected=".onnx, or .xml (OpenVINO)", found=name
        )
    given = {option: value for option, value in options.explicit().items() if value != "cpu"}
    if given:
        raise ConfigError(
            "These options are for detectors in files",
            expected="an .onnx or .xml file as detector",
            found=f"{name} with {', '.join(f'{option} {value}' for option, value in given.items())}",
        )
    if name not in DETECTORS and ":" not in name:
        known = [
            *DETECTORS,
            PACKAGED,
            *(key for key, network in NETWORKS.items() if network.kind == "detector"),
        ]
        raise ConfigError(
            f"There is no detector {name!r}",
            expected=f"one of {', '.join(known)}, an .onnx or .xml file, or package.module:function",
            hint=suggest(name, known),
        )
    make = find(DETECTORS, name, kind="detector")
    try:
        detector = make()
    except StcaError:
        raise
    except (Exception, SystemExit) as error:  # it is anybody's function
        raise ConfigError(
            "A detector cannot be made",
            expected="a function without arguments that returns a detector",
            found=f"{type(error).__name__}: {first_line(error)}",
            where=name,
        ) from error
    if isinstance(detector, type) or not isinstance(detector, Detector):
        raise ConfigError(
            "This function gives no detector",
            expected="an object with name, stateful and detect(image), as stca.tracking.Detector",
            found=type(detector).__name__,
            where=name,
        )
    return detector


def _open_file(path: Path, options: DetectorOptions) -> Detector:
    if not path.is_file():
        raise ConfigError("There is no such detector file", where=path)
    return _READERS[path.suffix.lower()](path, options)


def _open_packaged(options: DetectorOptions) -> Detector:
    try:
        return _open_file(_PACKAGED_FILE, options)
    except (ConfigError, CheckpointError) as error:
        if options.explicit() and _PACKAGED_FILE.is_file():
            raise
        raise CheckpointError(
            "The detector of the package is missing or damaged",
            found=first_line(error),
            where=_PACKAGED_FILE,
            hint="install the package again",
        ) from error


def detector_file(name: str) -> Path | None:
    """The file of the network in the package or of one of the catalogue, verified; None for other names.

    Raises:
        CheckpointError: it was not fetched, or its files are damaged.

    """
    if name == PACKAGED:
        return _PACKAGED_FILE
    known = name in NETWORKS and NETWORKS[name].kind == "detector" and not Path(name).is_file()
    return path_of(name) if known else None


def default_detector() -> str:
    """The strongest detector that was fetched (`stca weights get`), else `auto`: chosen for every video."""
    return _fetched() or AUTO


def default_network() -> str:
    """The strongest detector that was fetched, else the network in the package: for single pictures."""
    return _fetched() or PACKAGED


def _fetched() -> str | None:
    fetched = best("detector")
    return fetched.name if fetched else None
