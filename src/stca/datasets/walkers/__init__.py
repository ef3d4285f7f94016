"""Synthetic pedestrians: tracklets in the layout of MARS, and whole scenes as videos with their tracks."""

from stca.datasets.walkers.making import make_walkers
from stca.datasets.walkers.making_scene import make_scene
from stca.datasets.walkers.nuisances import Nuisances

__all__ = ["Nuisances", "make_scene", "make_walkers"]
