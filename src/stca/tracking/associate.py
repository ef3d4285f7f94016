"""Association of boxes to tracks: ByteTrack or OC-SORT, as implemented by Roboflow's `trackers`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Int64

from stca.errors import ConfigError, StcaError
from stca.tracking.detectors.detections import Detections

TRACKERS = ("ocsort", "bytetrack")

BUFFER = 1.0
"""Seconds without a box after which a track ends, see `buffer_seconds`."""

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "ocsort": {"minimum_iou_threshold": 0.2, "high_conf_det_threshold": 0.6},
    "bytetrack": {
        "minimum_iou_threshold": 0.2,
        "high_conf_det_threshold": 0.6,
        "track_activation_threshold": 0.7,
    },
}
_MIN_SCORE = 0.2


def buffer_seconds(frame_rate: float) -> float:
    """Seconds that a track stays open without a box: one second, but at least three frames."""
    return max(BUFFER, 3 / frame_rate)


class Associator:
    """Assigns a track number to every box, frame by frame.

    Args:
        tracker: one of `TRACKERS`.
        frame_rate: frames per second that `update` will receive.

    Raises:
        ConfigError: unknown tracker.
        StcaError: `trackers` is not installed.

    """

    def __init__(self, tracker: str, frame_rate: float) -> None:
        if tracker not in TRACKERS:
            raise ConfigError("Unknown tracker", expected=" or ".join(TRACKERS), found=tracker)
        self._step = 1 / frame_rate
        self._clock = 0.0
        self._last: float | None = None
        self._tracker = _make(tracker, frame_rate)

    def update(self, time: float, found: Detections) -> Int64[np.ndarray, " n"]:
        """Track number of every box of the frame at `time` (seconds); -1 for boxes without a track (yet).

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
        detections = sv.Detections(
            xyxy=found.boxes[rows].astype(np.float64), confidence=found.scores[rows], class_id=rows
        )
        answer = self._tracker.update(detections, timestamp=self._clock)
        if len(answer):
            known = answer.tracker_id >= 0
            numbers[answer.class_id[known]] = answer.tracker_id[known]
        return numbers


def _make(kind: str, frame_rate: float) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from trackers import ByteTrackTracker, OCSORTTracker
    except ImportError as error:
        raise StcaError("Tracking needs trackers", found=error, hint="pip install 'stca[video]'") from error
    tracker = OCSORTTracker if kind == "ocsort" else ByteTrackTracker
    return tracker(
        lost_track_buffer=ceil(30 * (buffer_seconds(frame_rate) + 1.5 / frame_rate)),  # one frame beyond it
        frame_rate=frame_rate,
        minimum_consecutive_frames=1,  # which tracks to keep is decided when they end
        **_OPTIONS[kind],
    )
