"""`stca VERB ...`: one file per group of verbs; every verb is a parser and a function of what it parsed."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stca.cli import data, evaluating, exporting, gallery, linking, pictures, searching, tracking, training
from stca.errors import StcaError
from stca.version import __version__


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="stca",
        description="Video person re-identification: train, evaluate and look at STCA.",
        epilog="start with: stca demo",
    )
    parser.add_argument("--version", action="version", version=f"stca {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for group in (data, training, evaluating, exporting, pictures, tracking, gallery, searching, linking):
        group.add_verbs(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 done; 1 an error that is explained, or a check that failed; 2 a wrong call; 130 interrupted.

    """
    _print_anything()
    given = _parse(arguments)
    try:
        with _plain_warnings():
            return int(given.run(given) or 0)
    except StcaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `stca ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"error: {error.strerror or error}\n  where:    {error.filename or 'no file'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return 130


def _print_anything() -> None:
    """Escape what the terminal or file cannot encode (ASCII, cp1252) instead of failing to print it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings on one line each, without the place in our code that nobody asked for."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """As argparse does, but key=value may also stand behind options."""
    parser = build_parser()
    given, rest = parser.parse_known_args(arguments)
    if strange := [
        word for word in rest if word.startswith("-") or "=" not in word or "settings" not in given
    ]:
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    if rest:
        given.settings = [*given.settings, *rest]
    return given
