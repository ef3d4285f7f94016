"""Options of detectors in files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.parsing.values import natural

if TYPE_CHECKING:
    from stca.tracking import DetectorOptions, TrackOptions

DETECTOR_PIXELS = ("unit-rgb", "imagenet-rgb", "raw-rgb", "raw-bgr")
DETECTOR_LAYOUTS = (
    "yolox-raw",
    "yolov5",
    "yolov8",
    "yolov10",
    "yolov7-nms",
    "ssd",
    "detr",
    "detr-softmax",
    "rt-detr",
    "boxes-scores-labels",
    "dets-labels",
)
DETECTOR_DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml")
# As in stca.tracking.detectors, which is not imported for `--help`; a test compares them.


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add --person-class, --pixels, --layout and --device."""
    group = parser.add_argument_group("detectors in files, where the file does not say")
    group.add_argument(
        "--person-class",
        type=natural,
        metavar="N",
        help="class id of a person, from 0; default: by the class names",
    )
    group.add_argument(
        "--pixels",
        choices=DETECTOR_PIXELS,
        help="what the network expects; default: as its family is trained",
    )
    group.add_argument(
        "--layout", choices=DETECTOR_LAYOUTS, help="of the outputs; default: told by shapes and values"
    )
    group.add_argument(
        "--device",
        choices=DETECTOR_DEVICES,
        default="auto",
        help="where the network runs; default: a GPU, else the CPU",
    )


def detector_options(given: argparse.Namespace) -> DetectorOptions:
    """What `add_detector_options` added, as the library takes it."""
    from stca.tracking import DetectorOptions

    return DetectorOptions(given.person_class, given.pixels, given.layout, given.device)


def print_detector(options: TrackOptions) -> None:
    """Write to stderr what a network was taken for and what runs it; nothing for other detectors."""
    from stca.tracking.detectors.detect import AUTO

    if options.detector == AUTO:  # it is chosen, and said, for every video
        return
    detector = options.open_detector()
    if description := getattr(detector, "description", None):
        print(f"{detector.name}: {description}", file=sys.stderr)


def choose_detector(given: str | None, tracks: Path) -> str:
    """What `--detector` says; else what a folder was tracked with, else the default, printed on stderr."""
    if given is not None:
        return given
    from stca.tracking.camera_folder.recorded import detector_of
    from stca.tracking.detectors.detect import AUTO, default_detector

    name, why = detector_of(tracks), f"as {tracks} was tracked with (--detector, and another --out)"
    if name is None:
        name = default_detector()
        why = "the strongest that was fetched (--detector motion or person_mobile: without)"
    if name == AUTO:
        return name  # what is chosen is said for every video
    print(f"detector: {name}, {why}", file=sys.stderr)
    return name
