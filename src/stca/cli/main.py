"""The `stca` command: one module per group of subcommands, each a parser and a function of its arguments."""

from __future__ import annotations

import argparse
import errno
import io
import itertools
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stca.cli import (
    data,
    evaluating,
    exporting,
    finding,
    pictures,
    scaling,
    serving,
    tracking,
    training,
    watching,
    weights,
)
from stca.cli.galleries import calibrating, gallery, linking, persons, searching
from stca.errors import StcaError
from stca.version import __version__


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="stca",
        description="Video person re-identification: train and evaluate STCA, track, search and link people.",
        epilog="start with: stca demo",
    )
    parser.add_argument("--version", action="version", version=f"stca {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    groups = (
        finding,
        data,
        training,
        evaluating,
        exporting,
        pictures,
        tracking,
        gallery,
        searching,
        calibrating,
        linking,
        serving,
        persons,
        watching,
        weights,
        scaling,
    )
    for group in groups:
        group.add_verbs(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 success; 1 an error (on stderr) or a failed check; 2 wrong usage; 130 interrupted.

    """
    _print_anything()
    args = _parse(arguments)
    try:
        with _plain_warnings():
            return int(args.run(args) or 0)
    except StcaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `stca ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"error: {_describe(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; finished work is kept", file=sys.stderr)
        return 130


def _describe(error: OSError) -> StcaError:
    """An error of the operating system, which may name no file: a full disk does not."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return StcaError(
        error.strerror or str(error),
        where=error.filename,
        hint="make room, and run the command again" if full else None,
    )


def _print_anything() -> None:
    """Escape what the terminal or file cannot encode (ASCII, cp1252) instead of failing to print it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print every warning on one line, without its place in the source code."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse as argparse does, but accept key=value after options too."""
    parser = build_parser()
    words = sys.argv[1:] if arguments is None else arguments
    options = itertools.takewhile(lambda word: word != "--", words)
    if lost := [word for word in options if re.fullmatch(r"-[^=]+=--", word)]:
        parser.error(f"a value is needed, not --: {' '.join(lost)}")  # argparse would make a list of it
    args, rest = parser.parse_known_args(words)
    if unknown := [
        word for word in rest if word.startswith("-") or "=" not in word or "settings" not in args
    ]:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if rest:
        args.settings = [*args.settings, *rest]
    return args
