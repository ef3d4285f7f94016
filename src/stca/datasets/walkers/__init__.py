"""Synthetic multi-camera pedestrians in the layout of MARS, for tests, demos and controlled experiments."""

from stca.datasets.walkers.making import make_walkers
from stca.datasets.walkers.nuisances import Nuisances

__all__ = ["Nuisances", "make_walkers"]
