"""What users can rely on, as JSON: public names, verbs with their options, and exit statuses."""

from __future__ import annotations

import argparse
import contextlib
import io
from pathlib import Path
from typing import Any

CALLS: dict[str, list[str]] = {
    "help": ["--help"],
    "version": ["--version"],
    "no verb": [],
    "unknown verb": ["nothing"],
    "unknown option": ["recipes", "--nothing"],
    "abbreviated option": ["train", "small_mot", "--dat", "x"],
    "list of recipes": ["recipes"],
    "unknown recipe": ["recipes", "nothing"],
    "unknown recipe to train": ["train", "nothing", "--out", "run"],
    "unknown setting": ["train", "small_mot", "nothing=1", "--data", "missing", "--out", "run"],
    "wrong type of a setting": ["train", "small_mot", "optim.lr=fast", "--data", "missing", "--out", "run"],
    "no training data": ["train", "small_mot", "--out", "run"],
    "missing training data": ["train", "small_mot", "--data", "missing", "--out", "run"],
    "list of data sets": ["data", "list"],
    "unknown data set": ["data", "check", "nothing", "."],
    "missing data set": ["data", "check", "mars", "missing"],
    "incomplete data set": ["data", "check", "walkers", "empty"],
    "walkers of a size that cannot be": ["data", "make-walkers", "people", "--size", "tall"],
    "packing a missing data set": ["data", "pack", "folder", "missing", "out.lmdb"],
    "missing run": ["evaluate", "missing"],
    "missing model": ["export", "missing.safetensors", "--out", "net.onnx"],
    "unknown model": ["complexity", "nothing"],
    "missing video": ["track", "missing.mp4", "--out", "tracks"],
    "tracking without a place": ["track", "missing.mp4"],
    "missing gallery": ["gallery", "list", "missing"],
    "statistics of a missing gallery": ["gallery", "stats", "missing"],
    "missing tracks": ["gallery", "add", "gallery", "missing"],
    "search in a missing gallery": ["search", "missing", "cam1/0000"],
    "search for no answers": ["search", "missing", "cam1/0000", "-k", "0"],
    "calibration of a missing gallery": ["calibrate", "missing"],
    "a rate that is none": ["calibrate", "missing", "--far", "2"],
    "linking a missing gallery": ["link", "missing", "--threshold", "0.5"],
    "curves of a missing run": ["show", "curves", "missing", "--out", "curves.png"],
}
"""Calls of the command line, in a folder that holds nothing but an empty folder `empty`."""


def verbs_of(parser: argparse.ArgumentParser, name: str = "stca") -> dict[str, Any]:
    """Every verb's options with what they take and are by default, and what it takes beside them."""
    options, positionals, found = {}, [], {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, below in action.choices.items():
                found |= verbs_of(below, f"{name} {verb}")
            continue
        about = {
            "nargs": action.nargs,
            "choices": None if action.choices is None else sorted(map(str, action.choices)),
            "required": action.required,
            "default": None if action.default is None else str(action.default),
        }
        if action.option_strings:
            options |= dict.fromkeys(action.option_strings, about)
        else:
            positionals.append(about)
    return {name: {"options": options, "positionals": positionals}} | found


def exit_status(call: list[str]) -> int:
    """Of the command line, called in this process."""
    from stca.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return main(call)
        except SystemExit as end:
            return int(end.code or 0)


def surface() -> dict[str, Any]:
    """All of it; calls are made in the current folder."""
    import stca
    from stca.cli.main import build_parser

    Path("empty").mkdir()
    return {
        "names": sorted(stca.__all__),
        "verbs": verbs_of(build_parser()),
        "statuses": {name: exit_status(call) for name, call in CALLS.items()},
    }
