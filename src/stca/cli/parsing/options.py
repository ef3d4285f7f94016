"""Commands, and options that several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from stca.cli.parsing.values import natural, not_empty, path, positive
from stca.errors import ConfigError
from stca.inference import PRECISIONS, RUNTIMES
from stca.models.network_files import PIXELS

Verbs = Any
"""What `add_subparsers` returns; argparse has no public name for it."""

MODEL_HELP = (
    "a run folder, a .safetensors, .onnx, .xml or .pth file, 'pretrained' (the network in the package), "
    "or the name of a model (untrained)"
)


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but none that is nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default is None or action.default is False or action.default == []
        return action.help if nothing else super()._get_help_string(action)


def add_verb(verbs: Verbs, name: str, run: Any, *, help: str) -> argparse.ArgumentParser:
    """Add a command; its function `run` is called with the parsed arguments.

    No path is empty, and no word of an argument without a type.
    """
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=help,
        description=help,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,  # a typo such as --dat must not match a longer option
    )
    parser.register("type", Path, path)
    parser.register("type", None, not_empty)
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
