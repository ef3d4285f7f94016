"""Comparing the crops of tracks: whether two tracks are of one person, and where one changes its person."""

from stca.tracking.appearance.changes import CHANGED, WINDOWS, change_points, mean_similarity
from stca.tracking.appearance.network import CropEncoder, NetworkChanges

__all__ = ["CHANGED", "WINDOWS", "CropEncoder", "NetworkChanges", "change_points", "mean_similarity"]
