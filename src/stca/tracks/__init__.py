"""A folder of tracks: what `stca track` writes and galleries read.

tracks/cam1/0007/000123.jpg     crops; the name is the frame's number, from 1
tracks/cam1/0007/tracklet.json  the side file: a TrackRecord
"""

from stca.tracks.folders import FoundTracklet, find_tracklets, overall, pictured
from stca.tracks.records import MOST_SECONDS, SIDE_FILE, FrameRecord, TrackRecord, read_track, write_track

__all__ = [
    "MOST_SECONDS",
    "SIDE_FILE",
    "FoundTracklet",
    "FrameRecord",
    "TrackRecord",
    "find_tracklets",
    "overall",
    "pictured",
    "read_track",
    "write_track",
]
