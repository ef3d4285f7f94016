"""What people have said about who is who: one log per gallery, and what follows from it."""

from stca.gallery.corrections.correction import KINDS, Change, Correction, Kind, PersonTable
from stca.gallery.corrections.resolving import LabelledPair, Resolved, labelled_pairs, pairs_csv, resolve

__all__ = [
    "KINDS",
    "Change",
    "Correction",
    "Kind",
    "LabelledPair",
    "PersonTable",
    "Resolved",
    "labelled_pairs",
    "pairs_csv",
    "resolve",
]
