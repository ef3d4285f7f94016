"""Association of boxes to tracks: OC-SORT, ByteTrack or BoT-SORT, as implemented by Roboflow's `trackers`.

Its BoT-SORT has no appearance. Where the camera moves, boxes are moved back to where they would be without
that, by the library's camera motion estimation, before any of the three sees them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from stca.errors import ConfigError, StcaError
from stca.footage.images import RGB
from stca.tracking.detectors.detections import Detections

TRACKERS = ("ocsort", "bytetrack", "botsort")

BUFFER = 1.0
"""Seconds without a box after which a track ends, see `buffer_seconds`."""

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "ocsort": {"minimum_iou_threshold": 0.2, "high_conf_det_threshold": 0.6},
    "bytetrack": {
        "minimum_iou_threshold": 0.2,
        "high_conf_det_threshold": 0.6,
        "track_activation_threshold": 0.7,
    },
    "botsort": {
        "minimum_iou_threshold_first_assoc": 0.2,
        "high_conf_det_threshold": 0.6,
        "enable_cmc": False,
    },
}
_MIN_SCORE = 0.2
_MOTION_WIDTH = 480  # pixels; camera motion is estimated in frames of about this width
_MOST_SCALE = 2.0  # change of scale after which camera motion is counted from the present frame


def buffer_seconds(frame_rate: float) -> float:
    """Seconds that a track stays open without a box: one second, but at least three frames."""
    return max(BUFFER, 3 / frame_rate)


class Associator:
    """Assigns a track number to every box, frame by frame.

    Args:
        tracker: one of `TRACKERS`.
        frame_rate: frames per second that `update` will receive.
        moving: whether the camera moves; then `update` needs the frames.

    Raises:
        ConfigError: unknown tracker.
        StcaError: `trackers` is not installed.

    """

    def __init__(self, tracker: str, frame_rate: float, *, moving: bool = False) -> None:
        if tracker not in TRACKERS:
            raise ConfigError("Unknown tracker", expected=" or ".join(TRACKERS), found=tracker)
        self._camera = CameraMotion() if moving else None
        self._step = 1 / frame_rate
        self._clock = 0.0
        self._last: float | None = None
        self._tracker = _make(tracker, frame_rate)

    def update(self, time: float, found: Detections, image: RGB | None = None) -> Int64[np.ndarray, " n"]:
        """Track number of every box of the frame at `time` (seconds); -1 for boxes without a track (yet).

        `image` is the frame, needed where the camera moves.

        After a pause longer than the track buffer all tracks are new. Frames that arrive faster than the
        frame rate (a network delivers them in bursts) are treated as one frame interval apart, so that the
        people in them do not seem to move faster.
        """
        import supervision as sv

        if self._last is not None:
            self._clock += max(time - self._last, self._step)
        self._last = time
        numbers = np.full(len(found), -1, np.int64)
        rows = np.flatnonzero(found.scores >= _MIN_SCORE)
        boxes = found.boxes.astype(np.float64)
        if self._camera is not None and image is not None:
            boxes = self._camera.undo(image, boxes)
        detections = sv.Detections(xyxy=boxes[rows], confidence=found.scores[rows], class_id=rows)
        answer = self._tracker.update(detections, timestamp=self._clock)
        if len(answer):
            known = answer.tracker_id >= 0
            numbers[answer.class_id[known]] = answer.tracker_id[known]
        return numbers


class CameraMotion:
    """Moves boxes of a moving camera to where they would be had it not moved since the first frame.

    The motion from frame to frame is a shift, a rotation and a change of scale, found by optical flow of
    corners and RANSAC: what moves by itself does not count as long as most of the image is background.
    """

    def __init__(self) -> None:
        self._estimator: Any = None
        self._total = np.eye(3)  # from the first frame to the present one

    def undo(self, image: RGB, boxes: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n 4"]:
        """The boxes (left, top, right, bottom) of the next frame, in coordinates of the first.

        After zooming by a factor of two, boxes are in coordinates of the present frame: all tracks are new.
        """
        if self._estimator is None:
            self._estimator = motion_estimator(image.shape[1])
        step = np.vstack([self._estimator.estimate(image), (0.0, 0.0, 1.0)])
        self._total = step @ self._total
        scale = float(np.sqrt(abs(np.linalg.det(self._total[:2, :2]))))
        if not 1 / _MOST_SCALE < scale < _MOST_SCALE:
            self._total, scale = np.eye(3), 1.0
        back = np.linalg.inv(self._total)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ back[:2, :2].T + back[:2, 2]
        halves = (boxes[:, 2:] - boxes[:, :2]) / 2 / scale
        return np.hstack([centres - halves, centres + halves])


def motion_estimator(width: int) -> Any:
    """The library's estimator of the camera's motion, for frames of this width."""
    from trackers import CMC, CMCConfig

    return CMC(CMCConfig(method="sparseOptFlow", downscale=max(1, round(width / _MOTION_WIDTH))))


def _make(kind: str, frame_rate: float) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from trackers import BoTSORTTracker, ByteTrackTracker, OCSORTTracker
    except ImportError as error:
        raise StcaError("Tracking needs trackers", found=error, hint="pip install 'stca[video]'") from error
    trackers = {"ocsort": OCSORTTracker, "bytetrack": ByteTrackTracker, "botsort": BoTSORTTracker}
    return trackers[kind](
        lost_track_buffer=ceil(30 * (buffer_seconds(frame_rate) + 1.5 / frame_rate)),  # one frame beyond it
        frame_rate=frame_rate,
        minimum_consecutive_frames=1,  # which tracks to keep is decided when they end
        **_OPTIONS[kind],
    )
