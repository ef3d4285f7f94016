"""Losses: triplet, centre, and their weighted sum with the ID loss; and those of the peers."""

from stca.losses.authors import AUTHORS
from stca.losses.center import CenterLoss
from stca.losses.objective import AuthorsParts, LossParts, ReIDObjective
from stca.losses.oim import OnlineInstanceMatching
from stca.losses.several import SeveralObjectives
from stca.losses.spread import attention_overlap, frame_attention_difference, memory_concentration
from stca.losses.triplet import BatchHardTriplet, batch_hard_triplet
from stca.losses.verification import verification_loss

__all__ = [
    "AUTHORS",
    "AuthorsParts",
    "BatchHardTriplet",
    "CenterLoss",
    "LossParts",
    "OnlineInstanceMatching",
    "ReIDObjective",
    "SeveralObjectives",
    "attention_overlap",
    "batch_hard_triplet",
    "frame_attention_difference",
    "memory_concentration",
    "verification_loss",
]
