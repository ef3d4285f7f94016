"""Measurements of the attention study and their CSV file, with one row per case and key.

The key covers all settings of a run (`keys.key_of`), so rows of different settings coexist; a call adds rows
or replaces its own.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stca.errors import ConfigError


class Case(NamedTuple):
    """One training run of the study."""

    data: str
    system: str
    seed: int


@dataclasses.dataclass(frozen=True)
class Measurement:
    """The measurements of one run, as fractions of 1; `gate_*` are of 1 + A_S and NaN without a gate.

    Args:
        case: the run.
        key: name of the run folder.
        steps: training steps.
        rank1: rank-1 under protocol mars-A.
        mean_ap: mAP under protocol mars-A.
        twin: how often the nearest of the person's own tracklets is nearer than the nearest of the twin's,
            in other cameras than the query's; chance is 0.5. In `plain`, persons are paired by their number.
        gate_least: minimum over all positions of all test frames.
        gate_mean: 1 + 1 / positions, since attention sums to one.
        gate_most: maximum over all positions of all test frames.
        gate_spread: mean over frames of the standard deviation over positions.
        commit: commit of the training code.
        machine: machine of the training.
        precision: float32 or bf16; empty in old rows.

    """

    case: Case
    key: str
    steps: int
    rank1: float
    mean_ap: float
    twin: float
    gate_least: float = np.nan
    gate_mean: float = np.nan
    gate_most: float = np.nan
    gate_spread: float = np.nan
    commit: str = ""
    machine: str = ""
    precision: str = ""


_NAMES = [each.name for each in dataclasses.fields(Measurement) if each.name != "case"]
_FIGURES = [each.name for each in dataclasses.fields(Measurement) if each.type == "float"]

Rows = dict[tuple[Case, str], Measurement]
"""Measurements by case and key."""


def read_measurement(path: Path) -> Measurement | None:
    """Read a file with the output of `to_json`; None if it is missing or damaged."""
    try:
        content = json.loads(path.read_text())
        return Measurement(**{**content, "case": Case(*content["case"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def to_json(measured: Measurement) -> str:
    """Serialise for `read_measurement`."""
    return json.dumps(dataclasses.asdict(measured)) + "\n"


def read_table(path: Path) -> Rows:
    """Read the CSV of earlier calls; empty if there is no file.

    Raises:
        ConfigError: the file cannot be read; overwriting it would lose its contents.

    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="") as file:
            found = [_row(line) for line in csv.DictReader(file)]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            "The study's figures cannot be read",
            expected=f"columns data, system, seed, {', '.join(_NAMES)}",
            found=f"{type(error).__name__}: {error}",
            where=path,
            hint="repair the file, or choose another --out",
        ) from error
    return {(each.case, each.key): each for each in found}


def _row(line: dict[str, str | None]) -> Measurement:
    """Parse a line of `to_csv`; old files have no precision column."""
    text = {name: value or "" for name, value in line.items()}
    case = Case(text.pop("data"), text.pop("system"), int(text.pop("seed")))
    figures = {name: float(text[name]) for name in _FIGURES}
    return Measurement(case=case, **{**text, **figures, "steps": int(text["steps"])})  # type: ignore[arg-type]


def to_csv(found: Iterable[Measurement]) -> str:
    """One line per run."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["data", "system", "seed", *_NAMES])
    for each in found:
        values = (getattr(each, name) for name in _NAMES)
        writer.writerow([*each.case, *(f"{v:.6f}" if isinstance(v, float) else v for v in values)])
    return file.getvalue()
