"""Systems and data sets of the attention study, and the path of its CSV."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from stca.walkers import Nuisances, make_walkers
from stca.walkers.plan import Settings

SYSTEMS: dict[str, tuple[str, dict[str, object]]] = {
    "cnn2d": ("cnn2d_small", {}),
    "cnn3d": ("cnn3d_small", {}),
    "concat": ("concat_small", {}),
    "sum": ("sum_small", {}),
    "sum, normed": ("sum_small", {"fusion": "official"}),
    "STCA": ("stca_small", {}),
    "STCA, sharper": ("stca_small", {"temperature": 0.0025}),
    "STCA, not normed": ("stca_small", {"fusion": "sum"}),
}
"""Model and options. "sum, normed" is STCA with A = 0: 2 F_S + F_T, L2-normalised over channels."""

SIZE, CLIP_LEN = (96, 48), 8


@dataclasses.dataclass(frozen=True)
class Setup:
    """A data set and the length of training.

    Args:
        nuisances: strength of all nuisances of the walkers.
        frames: minimum and maximum per tracklet.
        instances: K of the batches of 8 x K clips.
        epochs: training epochs.

    """

    nuisances: float
    frames: tuple[int, int]
    instances: int
    epochs: int

    def walkers(self, **settings: Any) -> Settings:
        """People and cameras of this set-up, with one or two tracklets in each; the rest as told."""
        nuisances = Nuisances(**{each.name: self.nuisances for each in dataclasses.fields(Nuisances)})
        return Settings(tracklets_per_camera=(1, 2), frames=self.frames, nuisances=nuisances, **settings)


def render(root: Path, settings: Settings) -> None:
    """Make the walkers, unless they are there."""
    make_walkers(root, **{each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)})


SETUPS = {
    "plain": Setup(nuisances=1.0, frames=(8, 16), instances=2, epochs=11),
    # Gait is learned late, and only from longer tracklets: see docs/attention.md.
    "twins": Setup(nuisances=0.1, frames=(16, 32), instances=4, epochs=45),
}


def table_file(args: argparse.Namespace) -> Path:
    """The path of the CSV with all measurements."""
    return Path(args.out / "attention_study.csv")
