"""A training's losses, and its `curve.csv`: what steps brought and cost."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

_SHOWN = 50
"""Steps between two lines on the screen."""


class Curve:
    """Remembers losses between two checks, and appends a line for each check.

    Args:
        file: the CSV file.
        figures: the mean losses since the check before -> the columns that say how good it is.

    """

    def __init__(self, file: Path, figures: Callable[[Sequence[float]], dict[str, object]]) -> None:
        self._file, self._figures = file, figures
        self._losses: list[list[float]] = []

    def note(self, step: int, losses: list[float]) -> None:
        """Remember a step's losses until the next check."""
        self._losses.append(losses)
        if len(self._losses) % _SHOWN == 0:
            print(step, np.round(np.mean(self._losses[-_SHOWN:], axis=0), 4), flush=True)

    def check(self, step: int, batch: int, seconds: float, processor: float) -> None:
        """Score, and write one line: after how many steps of how many pictures, and what they cost."""
        line: dict[str, object] = {
            "step": step,
            "pictures": step * batch,
            "wall hours": round(seconds / 3600, 3),
            "processor hours": round(processor / 3600, 3),
        }
        line |= self._figures([float(mean) for mean in np.mean(self._losses, axis=0)])
        print(line, flush=True)
        fresh = not self._file.is_file()
        with self._file.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(line))
            if fresh:
                writer.writeheader()
            writer.writerow(line)
        self._losses.clear()
