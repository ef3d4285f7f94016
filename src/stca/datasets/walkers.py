"""Synthetic walkers on disk, which have the layout and the protocols of MARS."""

from __future__ import annotations

import importlib
import warnings
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


_MOVED = dict.fromkeys(("Nuisances", "make_scene", "make_walkers"), "stca.walkers")
"""Names that were here in version 0.1 and are in `stca.walkers` now; for one release they still are."""


def __getattr__(name: str) -> object:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{__name__}.{name} is now {_MOVED[name]}.{name}", DeprecationWarning, stacklevel=2)
    return getattr(importlib.import_module(_MOVED[name]), name)
