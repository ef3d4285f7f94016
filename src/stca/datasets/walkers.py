"""Synthetic walkers on disk, which have the layout and the protocols of MARS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stca.datasets import mars
from stca.tracklets import Splits

LAYOUT = mars.LAYOUT


def load(root: Path, *, split: int = 0) -> Splits:
    """Load what `stca data make-walkers` wrote.

    Args:
        root: the folder with `bbox_train`, `bbox_test` and `info`.
        split: 0, there is one.

    Raises:
        DatasetError: see `stca.datasets.mars.load`.
        ConfigError: another split.

    """
    return replace(mars.load(root, split=split), name="walkers")
