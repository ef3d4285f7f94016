"""Raw video -> tracklets: detect, follow, cut out.

In the order of the data: `finding` (decode and detect, in threads), `associate`, `following` (tracks while
they live), `smoothing` (rows of tracks.txt), `writing` (the camera's folder); `track` puts them together.
"""

from stca.tracking.detect import DETECTORS, open_detector
from stca.tracking.detections import Detections, Detector
from stca.tracking.track import TrackOptions, VideoSummary, track_video, write_tracks

__all__ = [
    "DETECTORS",
    "Detections",
    "Detector",
    "TrackOptions",
    "VideoSummary",
    "open_detector",
    "track_video",
    "write_tracks",
]
