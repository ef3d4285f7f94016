"""Boxes around people, in pixels, and the files that hold them.

`rows` has one box of one track in one frame, `track_files` reads the files of trackers and data sets,
`layouts` recognises what their columns mean, `geometry` computes with boxes, `blurring` makes the
heads in them unrecognisable.
"""

from stca.boxes.blurring import blur_head, without_head
from stca.boxes.geometry import crop, overlaps
from stca.boxes.rows import PEDESTRIAN, MotRow, mot_line, write_mot
from stca.boxes.track_files import MotFile, read_mot

__all__ = [
    "PEDESTRIAN",
    "MotFile",
    "MotRow",
    "blur_head",
    "crop",
    "mot_line",
    "overlaps",
    "read_mot",
    "without_head",
    "write_mot",
]
