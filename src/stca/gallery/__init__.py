"""A gallery on disk: add tracklets, search them, link them, and know when the answer is nobody."""

from stca.gallery.adding import add_tracklets, embed, halves, pictures, record_of
from stca.gallery.calibration import Calibration, Judged, calibrate, labelled, relabel
from stca.gallery.fingerprint import ModelMark
from stca.gallery.gallery import Gallery
from stca.gallery.records import Added, Hit, Record, Stats
from stca.gallery.search import calibrate_gallery, search_tracklet
from stca.linking.linking import Linking, link, link_gallery

__all__ = [
    "Added",
    "Calibration",
    "Gallery",
    "Hit",
    "Judged",
    "Linking",
    "ModelMark",
    "Record",
    "Stats",
    "add_tracklets",
    "calibrate",
    "calibrate_gallery",
    "embed",
    "halves",
    "labelled",
    "link",
    "link_gallery",
    "pictures",
    "record_of",
    "relabel",
    "search_tracklet",
]
