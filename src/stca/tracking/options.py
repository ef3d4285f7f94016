"""Options of tracking one video, and the summary of a run."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stca.errors import ConfigError, DatasetError
from stca.footage.sources import Source
from stca.tracking.appearance import CropEncoder
from stca.tracking.associate import TRACKERS
from stca.tracking.detectors.choice import choose_for
from stca.tracking.detectors.detect import AUTO, DETECTORS, PACKAGED, detector_file, open_with_options
from stca.tracking.detectors.detections import Detector
from stca.tracking.detectors.options import DetectorOptions
from stca.tracking.regions import Region


def check_camera(name: str) -> None:
    """Raise ConfigError unless the camera's name can be the name of its folder."""
    if not name or {"/", "\\"} & set(name) or name[0] == ".":
        raise ConfigError(
            "A camera's name is used as a folder name",
            expected="a name without / or \\ that does not begin with a dot",
            found=repr(name),
            hint="--camera NAME",
        )


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """Options of tracking one video.

    Args:
        detector: `auto`: `motion` or `person_mobile`, as the video needs; or as of `open_detector`.
        tracker: `ocsort`, `bytetrack` or `botsort`.
        tracks: a MOTChallenge file of external tracks, instead of a detector and a tracker.
        camera: the camera's name; default: the video's name without suffix.
        start: when the video began, POSIX seconds; default: unknown, or the present time for a live camera
            (always the present time where a live recording is resumed).
        every: only every `every`-th frame is processed.
        frame_rate: frames per second; default: the video's own, or 25.
        first_frame: 0 or 1, what `tracks` calls the video's first frame; default: told from the file.
        coded: whether boxes refer to the frames as they are coded, without the rotation and the pixel
            aspect ratio that the video asks for; default: to the displayed frames.
        masks: regions where nothing is detected, and from which boxes of `tracks` are dropped.
        detector_options: what the detector's file does not say, and where it runs.
        moving: whether the camera moves, so that its motion is estimated and undone for the tracker.
        confirm: whether tracks are kept only where the network in the package sees a person, as `auto` does
            with what `motion` finds.

    Raises:
        ConfigError: an invalid value.

    """

    detector: str = AUTO
    tracker: str = TRACKERS[0]
    tracks: Path | None = None
    camera: str | None = None
    start: float | None = None
    every: int = 1
    frame_rate: float | None = None
    first_frame: int | None = None
    coded: bool = False
    masks: tuple[Region, ...] = ()
    detector_options: DetectorOptions = field(default_factory=DetectorOptions)
    moving: bool = False
    confirm: bool = False

    def __post_init__(self) -> None:
        if self.tracker not in TRACKERS:
            raise ConfigError("Unknown tracker", expected=" or ".join(TRACKERS), found=self.tracker)
        if self.every < 1:
            raise ConfigError("--every takes a whole number from 1", found=self.every)
        if self.first_frame not in (None, 0, 1):
            raise ConfigError("The first frame of a tracks file is 0 or 1", found=self.first_frame)
        if self.moving and self.detector == "motion" and self.tracks is None:
            raise ConfigError(
                "The motion detector needs a camera that stands still",
                expected="a detection network for a camera that moves",
                found="motion",
                hint="--detector person_mobile, which is in the package",
            )
        if self.confirm and self.tracks is not None:
            raise ConfigError("External tracks are taken as they are", expected="tracks without confirm")
        if self.camera is not None:
            check_camera(self.camera)

    def resolved(
        self, source: Source, before: Mapping[str, Any] | None, *, show: bool = False
    ) -> TrackOptions:
        """These options with the detector that `auto` stands for.

        Args:
            source: the video.
            before: what its folder records, if it was tracked before.
            show: print what was chosen on stderr.

        """
        if self.detector != AUTO or self.tracks is not None:
            return self
        if self.moving or self.detector_options.explicit():
            return replace(self, detector=PACKAGED)
        if before and (recorded := str(before.get("detector")).partition(" ")[0]) in ("motion", PACKAGED):
            options = before.get("options")
            told = options if isinstance(options, dict) else {}
            moving, confirm = told.get("moving") is True, self.confirm or told.get("confirm") is True
            return replace(self, detector=recorded, moving=moving, confirm=confirm)
        choice = choose_for(source)
        if show:
            also = f"; {PACKAGED} confirms who is a person" if choice.confirm else ""
            print(f"{source.name}: detector {choice.detector}, {choice.why}{also}", file=sys.stderr)
        confirm = self.confirm or choice.confirm
        return replace(self, detector=choice.detector, moving=choice.moving, confirm=confirm)

    def open_detector(self) -> Detector:
        """The detector, opened with its options."""
        return open_with_options(self.detector, self.detector_options)

    @property
    def detector_label(self) -> str:
        """Name of the detector or of the external tracks file, without its folder."""
        if self.tracks is not None:
            return self.tracks.name
        return Path(self.detector).name if Path(self.detector).is_file() else self.detector


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """Summary of tracking one video; of a live camera, of this run only.

    Args:
        video, camera: names.
        frames: number of frames processed.
        tracks: number of tracks in tracks.txt.
        tracklets: number of tracklets written.
        used, left_out: number of crops with sufficient quality for embedding, and of the others.
        seconds: duration of the run; 0 where an earlier run had finished the video.
        folder: the output folder.

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


def settings(source: Source, options: TrackOptions, encoder: CropEncoder | None = None) -> dict[str, object]:
    """Entries of video.json that say how the tracks were made.

    Args:
        source: the video.
        options: how it is tracked.
        encoder: the network that says where a track changes its person.

    Raises:
        DatasetError: `tracks` cannot be read.

    """
    entries = asdict(options)
    del entries["camera"], entries["frame_rate"], entries["detector_options"]
    for name in (
        "first_frame",
        "coded",
        "masks",
        "moving",
        "confirm",
    ):  # absent by default, as in folders of earlier versions
        if getattr(options, name) == getattr(TrackOptions(), name):
            del entries[name]
    if recorded := options.detector_options.recorded():
        entries["detector_options"] = recorded
    if encoder is not None and options.tracks is None:
        entries["appearance"] = encoder.name
    detector: str | None = options.detector
    if options.tracks is not None:
        detector = None
        entries |= {"tracker": None, "tracks": f"{options.tracks.name} {_digest(options.tracks)}"}
    elif (
        options.detector not in DETECTORS
        and (file := detector_file(options.detector) or Path(options.detector)).is_file()
    ):
        detector = f"{options.detector_label} {_digest(*_files(file))}"
    del entries["detector"]
    return {
        "source": source.name,
        "identity": list(source.identity),
        "frame_rate": source.frame_rate,
        "detector": detector,
        "options": entries,
    }


def _files(detector: Path) -> list[Path]:
    """The files of a detector; OpenVINO keeps the weights in a .bin file beside the .xml."""
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
