"""Raw video -> tracklets: detect people, associate the boxes to tracks, cut the crops out.

In the order of the data: `detection` (decoding and detecting, in threads), `associate` (boxes to track
numbers), `track_builder` (tracks while they are open; `external_tracks` where another tool made them),
`smoothing` (rows of tracks.txt), `camera_folder` (crops, rows, and what a run before left). `job` runs them
on one video; `track` has the functions to call, with their `options`. `regions` are zones and masks;
`outputs` makes visits of zones, drawn videos and JSON of finished tracks.
"""

from stca.tracking.camera_folder.recorded import recorded_detectors, recorded_options
from stca.tracking.detectors.detect import DETECTORS, default_detector, open_detector
from stca.tracking.detectors.detections import Detections, Detector
from stca.tracking.detectors.options import DetectorOptions
from stca.tracking.options import TrackOptions, VideoSummary
from stca.tracking.regions import Region
from stca.tracking.track import track_video, track_whole, write_tracks

__all__ = [
    "DETECTORS",
    "Detections",
    "Detector",
    "DetectorOptions",
    "Region",
    "TrackOptions",
    "VideoSummary",
    "default_detector",
    "open_detector",
    "recorded_detectors",
    "recorded_options",
    "track_video",
    "track_whole",
    "write_tracks",
]
