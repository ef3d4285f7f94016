"""What is made from finished tracks: visits of zones, a video with the tracks drawn into it, JSON."""

from stca.tracking.outputs.drawing import check_drawing, draw_tracks, draw_video
from stca.tracking.outputs.summary_table import summary_table
from stca.tracking.outputs.tracks_json import tracks_json
from stca.tracking.outputs.zones import Visit, check_zones, visits_of, without_tracks, write_zones

__all__ = [
    "Visit",
    "check_drawing",
    "check_zones",
    "draw_tracks",
    "draw_video",
    "summary_table",
    "tracks_json",
    "visits_of",
    "without_tracks",
    "write_zones",
]
