"""Boxes around people, in pixels, and the files that hold them.

`rows` has one box of one track in one frame, `track_files` reads the files of trackers and data sets,
`layouts` recognises what their columns mean, `video_file` reads what tracking noted beside them,
`geometry` computes with boxes, `blurring` makes the heads in them unrecognisable.
"""

from stca.boxes.blurring import blur_head, without_head
from stca.boxes.geometry import crop, overlaps
from stca.boxes.rows import PEDESTRIAN, MotRow, mot_line, write_mot
from stca.boxes.track_files import MotFile, read_mot
from stca.boxes.video_file import VIDEO_FILE, read_video_file

__all__ = [
    "PEDESTRIAN",
    "VIDEO_FILE",
    "MotFile",
    "MotRow",
    "blur_head",
    "crop",
    "mot_line",
    "overlaps",
    "read_mot",
    "read_video_file",
    "without_head",
    "write_mot",
]
