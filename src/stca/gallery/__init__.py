"""A gallery on disk: embed and add tracklets, search them, and calibrate a threshold for unknown people."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING

from stca.tools.lazy_imports import homes, lazy_names

if TYPE_CHECKING:
    from stca.gallery.adding import add_tracklets, find_crops, record_of
    from stca.gallery.calibration import Calibration, CalibrationSet, calibrate, labelled, relabel
    from stca.gallery.embedding import embed
    from stca.gallery.fingerprint import ModelFingerprint
    from stca.gallery.fingerprint import ModelFingerprint as ModelMark
    from stca.gallery.gallery import Gallery
    from stca.gallery.query import Query, open_query
    from stca.gallery.records import Added, Hit, Record, Stats
    from stca.gallery.search import calibrate_gallery, search_several, search_tracklet
    from stca.gallery.time_split import time_split_set

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
    "search_several",
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

_MODULES = {
    "adding": "add_tracklets find_crops record_of",
    "calibration": "Calibration CalibrationSet calibrate labelled relabel",
    "embedding": "embed",
    "fingerprint": "ModelFingerprint",
    "gallery": "Gallery",
    "query": "Query open_query",
    "records": "Added Hit Record Stats",
    "search": "calibrate_gallery search_several search_tracklet",
    "time_split": "time_split_set",
}
"""Names by module, imported when first used: only some need PyTorch, which takes over a second."""
_present = lazy_names(__name__, homes(__name__, _MODULES))


def __getattr__(name: str) -> object:
    if name == "ModelMark":  # the name of `ModelFingerprint` in 0.1; removed in the release after the next
        return _present("ModelFingerprint")
    if name not in _MOVED:
        return _present(name)
    module, new_name = _MOVED[name]
    warnings.warn(f"{__name__}.{name} is now {module}.{new_name}", DeprecationWarning, stacklevel=2)
    return getattr(importlib.import_module(module), new_name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
