"""Losses: triplet, centre, and their weighted sum with the ID loss."""

from stca.losses.center import CenterLoss
from stca.losses.objective import LossParts, ReIDObjective
from stca.losses.triplet import BatchHardTriplet, batch_hard_triplet

__all__ = ["BatchHardTriplet", "CenterLoss", "LossParts", "ReIDObjective", "batch_hard_triplet"]
