"""A folder of tracklets, as `stca track` writes it and galleries read it.

tracks/cam1/0007/000123.jpg     crops; the name is the frame's number, from 1
tracks/cam1/0007/tracklet.json  the side file: a TrackRecord
"""

from stca.tracks.folders import (
    FoundTracklet,
    find_tracklets,
    overall_quality,
    read_tracklet,
    representative_crops,
)
from stca.tracks.records import MAX_SECONDS, SIDE_FILE, FrameRecord, TrackRecord, read_track, write_track

# Aliases of version 0.1 names, kept for one release.
overall, pictured, MOST_SECONDS = overall_quality, representative_crops, MAX_SECONDS

__all__ = [
    "MAX_SECONDS",
    "MOST_SECONDS",
    "SIDE_FILE",
    "FoundTracklet",
    "FrameRecord",
    "TrackRecord",
    "find_tracklets",
    "overall",
    "overall_quality",
    "pictured",
    "read_track",
    "read_tracklet",
    "representative_crops",
    "write_track",
]
