"""Synthetic pedestrians: tracklets in the layout of MARS, and whole scenes as videos with their tracks."""

from stca.walkers.making import make_walkers
from stca.walkers.making_scene import make_scene
from stca.walkers.places.nuisances import Nuisances

__all__ = ["Nuisances", "make_scene", "make_walkers"]
