"""The score threshold below which a search has no match."""

from stca.gallery.calibration.calibration import Calibration, Method
from stca.gallery.calibration.known_pairs import (
    CalibrationSet,
    count_searches,
    labelled,
    pair_scores,
    relabel,
)
from stca.gallery.calibration.measuring import calibrate, measure

__all__ = [
    "Calibration",
    "CalibrationSet",
    "Method",
    "calibrate",
    "count_searches",
    "labelled",
    "measure",
    "pair_scores",
    "relabel",
]
