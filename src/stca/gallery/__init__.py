"""A gallery on disk: add tracklets, search them, link them, and know when the answer is nobody."""

from __future__ import annotations

import importlib
import warnings

from stca.gallery.adding import add_tracklets, record_of
from stca.gallery.calibration import Calibration, Judged, calibrate, labelled, relabel
from stca.gallery.embedding import embed
from stca.gallery.fingerprint import ModelMark
from stca.gallery.gallery import Gallery
from stca.gallery.halves import halves, pictures
from stca.gallery.records import Added, Hit, Record, Stats
from stca.gallery.search import calibrate_gallery, search_tracklet

__all__ = [
    "Added",
    "Calibration",
    "Gallery",
    "Hit",
    "Judged",
    "ModelMark",
    "Record",
    "Stats",
    "add_tracklets",
    "calibrate",
    "calibrate_gallery",
    "embed",
    "halves",
    "labelled",
    "pictures",
    "record_of",
    "relabel",
    "search_tracklet",
]

_MOVED = {"Linking": "stca.linking", "link": "stca.linking", "link_gallery": "stca.linking"}
"""Names that were here in version 0.1; for one release they still are."""


def __getattr__(name: str) -> object:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{__name__}.{name} is now {_MOVED[name]}.{name}", DeprecationWarning, stacklevel=2)
    return getattr(importlib.import_module(_MOVED[name]), name)
