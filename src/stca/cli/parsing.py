"""Argument types and options that several commands share."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stca.errors import ConfigError
from stca.inference import PRECISIONS, RUNTIMES
from stca.models.network_files import PIXELS

if TYPE_CHECKING:
    from stca.tracking import DetectorOptions, Region, TrackOptions

Verbs = Any
"""What `add_subparsers` returns; argparse has no public name for it."""

MODEL_HELP = (
    "a run folder, a .safetensors, .onnx, .xml or .pth file, 'pretrained' (the network in the package), "
    "or the name of a model (untrained)"
)


def size(text: str) -> tuple[int, int]:
    """Parse `384x128`, or one number for a square, to (height, width) in pixels."""
    match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a size is HEIGHTxWIDTH, for example 384x128, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def pair(text: str) -> tuple[int, int]:
    """Parse `8-24`, or one number for both, to (minimum, maximum)."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a range is MIN-MAX, for example 8-24, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def ranking_metric(text: str) -> str | Path:
    """Parse "cosine", "euclidean" or the file of a metric that was learnt."""
    if text in ("cosine", "euclidean"):
        return text
    if Path(text).suffix != ".safetensors":
        raise argparse.ArgumentTypeError(
            f"a metric is cosine, euclidean or a .safetensors file of `stca learn-metric`, not {text!r}"
        )
    return Path(text)


def gallery_place(text: str) -> Path | str:
    """Parse a gallery's folder, or its address (milvus://...), which stays a text."""
    return text if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", text) else Path(text)


def shown_place(place: Path | str) -> str:
    """A gallery's place as it may be printed: without a password."""
    from stca.gallery.milvus.address import parse_address

    return str(parse_address(place)) if isinstance(place, str) else str(place)


def gallery_folder(text: str) -> Path:
    """Parse a gallery's folder, for what cannot be done at an address."""
    if isinstance(gallery_place(text), str):
        raise argparse.ArgumentTypeError(
            f"this needs a gallery in a folder, not at an address ({text.partition('://')[0]}://...); "
            "`stca gallery copy` copies from one to the other"
        )
    return Path(text)


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is needed, not {text!r}")
    return int(text)


def natural(text: str) -> int:
    """Parse an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number from 0 is needed, not {text!r}")
    return int(text)


def odd(text: str) -> int:
    """Parse an odd integer of at least 1."""
    if not text.isdecimal() or int(text) % 2 == 0:
        raise argparse.ArgumentTypeError(f"an odd whole number is needed, not {text!r}")
    return int(text)


def moment(text: str) -> float:
    """Parse an ISO 8601 date and time to POSIX seconds; local time if it has no zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"expected a date and time like 2026-01-31T10:00:00 (local; or add Z or +01:00), not {text!r}"
        ) from None


def seconds(text: str) -> float:
    """Parse a number of seconds, or a date and time (`moment`)."""
    try:
        value = float(text)
    except ValueError:
        return moment(text)
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"a number of seconds is needed, not {text!r}")
    return value


def picture(text: str) -> Path:
    """Parse the name of an image file that a figure can be written to."""
    if Path(text).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"an image file name ends in .png, .pdf or .svg, not {text!r}")
    return Path(text)


def zone(text: str) -> Region:
    """NAME=X,Y,X,Y,X,Y."""
    name, equals, corners = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"a zone is NAME=X,Y,X,Y,X,Y, not {text!r}")
    return _region(corners, name)


def mask(text: str) -> Region:
    """X,Y,X,Y,X,Y."""
    return _region(text, "")


def _region(text: str, name: str) -> Region:
    from stca.errors import ConfigError
    from stca.tracking import Region

    try:
        numbers = [float(number) for number in text.split(",")]
        if len(numbers) % 2:
            raise ValueError
        return Region(tuple(zip(numbers[::2], numbers[1::2], strict=True)), name)
    except (ValueError, ConfigError):
        raise argparse.ArgumentTypeError(
            f"a region is at least three corners X,Y,X,Y,X,Y in pixels, not all on one line, not {text!r}"
        ) from None


def add_verb(verbs: Verbs, name: str, run: Any, *, help: str) -> argparse.ArgumentParser:
    """Add a command; its function `run` is called with the parsed arguments."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=help,
        description=help,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,  # a typo such as --dat must not match a longer option
    )
    parser.set_defaults(run=run)
    return parser


def require_with(given: argparse.Namespace, option: str, other: str) -> None:
    """Raise ConfigError where an option is given without the one that it is about."""
    if getattr(given, option) and not getattr(given, other):
        raise ConfigError(f"--{option} does nothing without --{other}", expected=f"--{other}")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """How a network in a file is used, where the file does not say; they become part of the model's name."""
    parser.add_argument(
        "--pixels",
        choices=PIXELS,
        help="what an .onnx or .xml network expects; default: what its graph says, else imagenet-rgb for "
        ".onnx and raw-bgr for .xml",
    )
    parser.add_argument(
        "--output", metavar="NAME", help="of an .onnx or .xml network that has several: the embedding's"
    )
    parser.set_defaults(run=partial(_with_model_options, parser.get_default("run")))


def _with_model_options(run: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> Any:
    if args.pixels or args.output:
        from stca.errors import ConfigError
        from stca.runs import add_options

        if args.model is None:
            raise ConfigError("--pixels and --output are for a network in a file", expected="--model FILE")
        options = {"pixels": args.pixels, "output": args.output}
        if isinstance(args.model, list):
            args.model = [add_options(name, **options) for name in args.model]
        else:
            args.model = add_options(args.model, **options)
    return run(args)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the test data; by default the run's."""
    parser.add_argument(
        "--data", type=Path, action="append", metavar="ROOT", help="test data; default: the run's"
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="data set type (see `stca data list`); default: the run's"
    )
    parser.add_argument("--split", type=natural, help="which split of the data set; default: the run's, or 0")


def add_test_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the test data and how embeddings are computed."""
    add_data(parser)
    add_model_options(parser)
    parser.add_argument(
        "--clip-len", type=positive, metavar="T", help="frames per clip; default: the model's"
    )
    parser.add_argument("--batch-size", type=positive, default=16, help="clips per forward pass")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="device to compute on"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="numeric precision; auto: bf16 if the hardware supports it and the job is large",
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", *RUNTIMES),
        default="auto",
        help="inference runtime; auto: OpenVINO for large jobs on a CPU, otherwise torch",
    )
    parser.add_argument("--workers", type=natural, default=2, help="number of processes that decode images")


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
