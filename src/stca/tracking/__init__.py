"""Raw video -> tracklets: detect, follow, cut out.

In the order of the data: `finding` (decode and detect, in threads), `associate`, `following` (tracks while
they live; `given` where others made them), `smoothing` (rows of tracks.txt), `crops` and `writing` (the
camera's folder). `job` puts them together for one video, `track` is what is called, with its `options`.
"""

from stca.tracking.detectors.detect import DETECTORS, open_detector
from stca.tracking.detectors.detections import Detections, Detector
from stca.tracking.detectors.options import DetectorOptions
from stca.tracking.options import TrackOptions, VideoSummary
from stca.tracking.track import track_video, write_tracks

__all__ = [
    "DETECTORS",
    "Detections",
    "Detector",
    "DetectorOptions",
    "TrackOptions",
    "VideoSummary",
    "open_detector",
    "track_video",
    "write_tracks",
]
