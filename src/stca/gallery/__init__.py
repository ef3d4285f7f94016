"""A gallery on disk: embed and add tracklets, search them, and calibrate a threshold for unknown people."""

from __future__ import annotations

import importlib
import warnings

from stca.gallery.adding import add_tracklets, find_crops, record_of
from stca.gallery.calibration import Calibration, CalibrationSet, calibrate, labelled, relabel
from stca.gallery.embedding import embed
from stca.gallery.fingerprint import ModelFingerprint
from stca.gallery.gallery import Gallery
from stca.gallery.query import Query, open_query
from stca.gallery.records import Added, Hit, Record, Stats
from stca.gallery.search import calibrate_gallery, search_tracklet
from stca.gallery.time_split import time_split_set

ModelMark = ModelFingerprint
"""The name of `ModelFingerprint` in version 0.1; removed in the release after the next."""

__all__ = [
    "Added",
    "Calibration",
    "CalibrationSet",
    "Gallery",
    "Hit",
    "ModelFingerprint",
    "ModelMark",
    "Query",
    "Record",
    "Stats",
    "add_tracklets",
    "calibrate",
    "calibrate_gallery",
    "embed",
    "find_crops",
    "labelled",
    "open_query",
    "record_of",
    "relabel",
    "search_tracklet",
    "time_split_set",
]

_MOVED = {
    "Judged": ("stca.gallery", "CalibrationSet"),
    "Linking": ("stca.linking", "Linking"),
    "halves": ("stca.gallery", "time_split_set"),
    "link": ("stca.linking", "link"),
    "link_gallery": ("stca.linking", "link_gallery"),
    "pictures": ("stca.gallery", "find_crops"),
}
"""Names of version 0.1 and where they are now; the old ones keep working for one release."""


def __getattr__(name: str) -> object:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, new_name = _MOVED[name]
    warnings.warn(f"{__name__}.{name} is now {module}.{new_name}", DeprecationWarning, stacklevel=2)
    return getattr(importlib.import_module(module), new_name)
