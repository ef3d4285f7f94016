"""Words that several verbs share."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from stca.inference import PRECISIONS, RUNTIMES
from stca.models.network_files import PIXELS

Verbs = Any
"""What `add_subparsers` returns; argparse has no public name for it."""

MODEL_HELP = (
    "a run's folder, a .safetensors, .onnx, .xml or .pth file, 'pretrained' (the small network in the "
    "package), or a model's name (untrained)"
)


def size(text: str) -> tuple[int, int]:
    """`384x128` (or one number for a square) as (height, width)."""
    match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a size is HEIGHTxWIDTH, for example 384x128, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def pair(text: str) -> tuple[int, int]:
    """`8-24` (or one number for both) as (least, most)."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a range is LEAST-MOST, for example 8-24, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is needed, not {text!r}")
    return int(text)


def natural(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number from 0 is needed, not {text!r}")
    return int(text)


def odd(text: str) -> int:
    """An odd whole number from 1."""
    if not text.isdecimal() or int(text) % 2 == 0:
        raise argparse.ArgumentTypeError(f"an odd whole number is needed, not {text!r}")
    return int(text)


def moment(text: str) -> float:
    """A date and time as POSIX seconds; local time where it names no zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"a moment is 2026-01-31T10:00:00 (local), or with Z or +01:00 behind it, not {text!r}"
        ) from None


def seconds(text: str) -> float:
    """A number of seconds, or a `moment`."""
    try:
        value = float(text)
    except ValueError:
        return moment(text)
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"a number of seconds is needed, not {text!r}")
    return value


def picture(text: str) -> Path:
    """A file name that ends as a picture's does."""
    if Path(text).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"a picture's name ends in .png, .pdf or .svg, not {text!r}")
    return Path(text)


def add_verb(verbs: Verbs, name: str, run: Any, *, help: str) -> argparse.ArgumentParser:
    """A verb whose function `run` gets the parsed arguments."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=help,
        description=help,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,  # --dat is a typing error, and will not turn into another option one day
    )
    parser.set_defaults(run=run)
    return parser


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
    """Which data to test on; by default a run's own."""
    parser.add_argument(
        "--data", type=Path, action="append", metavar="ROOT", help="test data; default: the run's"
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="its kind (see `stca data list`); default: the run's"
    )
    parser.add_argument("--split", type=natural, help="which split of the data set; default: the run's, or 0")


def add_test_data(parser: argparse.ArgumentParser) -> None:
    """Which data to test on, by default a run's own, and how to compute on it."""
    add_data(parser)
    add_model_options(parser)
    parser.add_argument(
        "--clip-len", type=positive, metavar="T", help="frames per clip; default: the model's"
    )
    parser.add_argument("--batch-size", type=positive, default=16, help="clips per forward pass")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    parser.add_argument(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="of the network; auto: bf16 where the hardware has it and there is much to do",
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", *RUNTIMES),
        default="auto",
        help="what computes; auto: OpenVINO on CPUs where there is much to do, else torch",
    )
    parser.add_argument("--workers", type=natural, default=2, help="processes that decode images")
