"""What decides the result of tracking one video, and what became of it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stca.errors import ConfigError, DatasetError
from stca.footage.sources import Source
from stca.tracking.associate import TRACKERS
from stca.tracking.detectors.detect import open_with_options
from stca.tracking.detectors.detections import Detector
from stca.tracking.detectors.options import DetectorOptions


def check_camera(name: str) -> None:
    """A camera's folder is called as the camera; ConfigError where no folder may be called so."""
    if not name or {"/", "\\"} & set(name) or name[0] == ".":
        raise ConfigError(
            "A camera's name is that of a folder",
            expected="a name without / and \\ that begins with no dot",
            found=repr(name),
            hint="--camera NAME",
        )


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """What decides the result of tracking one video.

    Args:
        detector: see `stca.tracking.open_detector`.
        tracker: `ocsort` or `bytetrack`.
        tracks: a MOTChallenge file with finished tracks, instead of a detector and a tracker.
        camera: its name; default: the video's, without suffix.
        start: when the video began, POSIX seconds; default: nobody knows, or now where it is a camera (as
            always where its recording goes on after an interruption).
        every: only every so many-th frame is looked at.
        frame_rate: frames a second; default: what the video says, or 25.

        detector_options: what the detector's file does not say, and where it runs.

    Raises:
        ConfigError: a value that is none.

    """

    detector: str = "motion"
    tracker: str = TRACKERS[0]
    tracks: Path | None = None
    camera: str | None = None
    start: float | None = None
    every: int = 1
    frame_rate: float | None = None
    detector_options: DetectorOptions = field(default_factory=DetectorOptions)

    def __post_init__(self) -> None:
        if self.tracker not in TRACKERS:
            raise ConfigError("There is no such tracker", expected=" or ".join(TRACKERS), found=self.tracker)
        if self.every < 1:
            raise ConfigError("Every so many-th frame is a number from 1", found=self.every)
        if self.camera is not None:
            check_camera(self.camera)

    def open_detector(self) -> Detector:
        """The detector, opened with its options."""
        return open_with_options(self.detector, self.detector_options)

    @property
    def found_by(self) -> str:
        """What the boxes come from, without its folder."""
        if self.tracks is not None:
            return self.tracks.name
        return Path(self.detector).name if Path(self.detector).is_file() else self.detector


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What became of one video; of a camera, in this run.

    Args:
        video, camera: names.
        frames: looked at.
        tracks: in tracks.txt.
        tracklets: written.
        used, left_out: crops good enough for embedding, and others.
        seconds: it took; 0 where an earlier run did it.
        folder: where everything lies.

    """

    video: str
    camera: str
    frames: int
    tracks: int
    tracklets: int
    used: int
    left_out: int
    seconds: float
    folder: Path


def settings(source: Source, options: TrackOptions) -> dict[str, object]:
    """What video.json says about how the tracks were made.

    Raises:
        DatasetError: `tracks` cannot be read.

    """
    told = asdict(options)
    del told["camera"], told["frame_rate"], told["detector_options"]
    if recorded := options.detector_options.recorded():  # else as before there were such options
        told["detector_options"] = recorded
    detector: str | None = options.detector
    if options.tracks is not None:
        detector = None
        told |= {"tracker": None, "tracks": f"{options.tracks.name} {_digest(options.tracks)}"}
    elif Path(options.detector).is_file():
        detector = f"{options.found_by} {_digest(*_files(Path(options.detector)))}"
    del told["detector"]
    return {
        "source": source.name,
        "identity": list(source.identity),
        "frame_rate": source.frame_rate,
        "detector": detector,
        "options": told,
    }


def _files(detector: Path) -> list[Path]:
    """OpenVINO has the weights in a file beside the .xml."""
    weights = detector.with_suffix(".bin")
    return [detector, weights] if detector.suffix == ".xml" and weights.is_file() else [detector]


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while part := file.read(1 << 20):
                    digest.update(part)
        except OSError as error:
            raise DatasetError("Cannot read a file", found=error.strerror, where=path) from error
    return digest.hexdigest()[:12]
