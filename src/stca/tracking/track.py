"""One video -> a camera's folder of tracklets."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from stca.boxes import MotRow
from stca.errors import ConfigError
from stca.progress import progress
from stca.sources import Frame, Source, open_source
from stca.tracking import quality
from stca.tracking.associate import TRACKERS, Associator
from stca.tracking.detect import open_detector
from stca.tracking.detections import Detections
from stca.tracking.finding import decoded_ahead, detected, read_boxes, record_boxes
from stca.tracking.following import Following, Observation, Track
from stca.tracking.given import read_given, with_given
from stca.tracking.smoothing import is_track, to_rows
from stca.tracking.writing import BOXES_FILE, CameraFolder
from stca.tracklets import Tracklet
from stca.tracks import FrameRecord, TrackRecord

LEAST_CROPS = 4
"""A track with fewer crops stays in tracks.txt, but is no tracklet."""

Numbered = tuple[Frame, Detections, Int64[np.ndarray, " n"]]


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """What decides the result of tracking one video.

    Args:
        detector: see `stca.tracking.open_detector`.
        tracker: `ocsort` or `bytetrack`.
        tracks: a MOTChallenge file with finished tracks, instead of a detector and a tracker.
        camera: its name; default: the video's, without suffix.
        start: when the video began, POSIX seconds.
        every: only every so many-th frame is looked at.
        frame_rate: frames a second; default: what the video says, or 25.

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

    def __post_init__(self) -> None:
        if self.tracker not in TRACKERS:
            raise ConfigError("There is no such tracker", expected=" or ".join(TRACKERS), found=self.tracker)
        if self.every < 1:
            raise ConfigError("Every so many-th frame is a number from 1", found=self.every)
        if self.camera is not None and (
            not self.camera or {"/", "\\"} & set(self.camera) or self.camera[0] == "."
        ):
            raise ConfigError("A camera's name is that of a folder", found=repr(self.camera))


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What became of one video.

    Args:
        video, camera: names.
        frames: looked at.
        tracks: in tracks.txt.
        tracklets: written.
        used, left_out: crops good enough for embedding, and others.
        seconds: it took; 0 where an earlier run did it.

    """

    video: str
    camera: str
    frames: int
    tracks: int
    tracklets: int
    used: int
    left_out: int
    seconds: float


def track_video(
    path: str | Path,
    *,
    detector: str = "motion",
    tracker: str = TRACKERS[0],
    out: str | Path = "tracks",
    tracks: Path | None = None,
    camera: str | None = None,
    camera_id: int = 1,
    start: float | None = None,
    every: int = 1,
) -> Iterator[Tracklet]:
    """Find and follow the people of a video; gives every tracklet as soon as it is over and written.

    Everything lies in `out/<camera>/` afterwards, as `stca track` writes it. A video that is already done
    is only read; one that was interrupted is done again (boxes of a network that were found are kept).

    Args:
        path: a video file, a folder of images, or the address of a camera.
        detector: `motion` (needs no weights, for fixed cameras), an .onnx file or an OpenVINO .xml file.
        tracker: `ocsort` or `bytetrack`.
        out: where to.
        tracks: a MOTChallenge file with finished tracks, instead of a detector and a tracker.
        camera: its name; default: the video's, without suffix.
        camera_id: of the tracklets that are given; their person_id is the number of the track.
        start: when the video began, POSIX seconds.
        every: only every so many-th frame is looked at.

    Raises:
        StcaError: something that tracking needs is not installed.
        FrameError: nothing to be opened there, or no frame that can be read.
        ConfigError: an option that is none, or tracks that were made with other options.
        CheckpointError: a file that is no detector.
        DatasetError: `tracks` cannot be read.

    """
    options = TrackOptions(detector, tracker, tracks, camera, start, every)
    for folder, record in write_tracks(path, Path(out), options):
        frames = tuple(folder / frame.file for frame in record.frames if frame.use)
        if frames:
            yield Tracklet(frames, record.track, camera_id, f"{record.camera}/{folder.name}")


def write_tracks(
    path: str | Path, out: Path, options: TrackOptions, *, show: bool = False
) -> Generator[tuple[Path, TrackRecord], None, VideoSummary]:
    """As `track_video`, with the folders and records; returns a summary, and shows progress if `show`."""
    source = open_source(path, frame_rate=options.frame_rate)
    camera = options.camera or source.camera
    folder = CameraFolder(out / camera, _settings(source, options))
    try:
        if folder.finished and not source.live:
            written = folder.records()
            yield from written
            return _summary(source, camera, folder, [record for _, record in written], 0.0)
        if folder.finished:
            raise ConfigError(
                "There is already a recording of this camera",
                where=folder.path,
                hint="another --out or --camera",
            )
        begun = time.monotonic()
        folder.begin()
        job = _Job(source, camera, options, folder)
        records = []
        for place, record in job.run(show=show):
            records.append(record)
            yield place, record
        return _summary(source, camera, folder, records, time.monotonic() - begun)
    finally:
        folder.close()


class _Job:
    """One run over one video."""

    def __init__(self, source: Source, camera: str, options: TrackOptions, folder: CameraFolder) -> None:
        self.source, self.camera, self.options, self.folder = source, camera, options, folder
        self.rate = source.frame_rate / options.every
        self.rows: list[MotRow] = []
        self.tracks = self.frames = 0
        self.size = 0, 0

    def run(self, *, show: bool) -> Iterator[tuple[Path, TrackRecord]]:
        following = Following(self.rate, self.folder)
        numbered = _watched(self._numbered(), self.source, self.options.every) if show else self._numbered()
        try:
            for frame, found, numbers in numbered:
                self.frames, self.size = self.frames + 1, (frame.image.shape[1], frame.image.shape[0])
                seen = _observations(frame, found)
                for track in following.update(frame.time, seen, numbers):
                    yield from self._finish(track)
        except KeyboardInterrupt:
            if not self.source.live:
                raise
            warnings.warn(f"{self.source.name}: stopped; what was seen is kept", stacklevel=2)
        for track in following.close():
            yield from self._finish(track)
        width, height = self.size
        self.folder.finish(self.rows, frames=self.frames, width=width, height=height, tracks=self.tracks)

    def _numbered(self) -> Iterator[Numbered]:
        """Frames with boxes and the numbers of their tracks."""
        every = self.options.every
        frames = (f for f in self.source.frames() if (f.number - 1) % every == 0)
        ahead = decoded_ahead(frames, live=self.source.live)
        if self.options.tracks is not None:
            for frame, (found, numbers) in with_given(ahead, read_given(self.options.tracks)):
                yield frame, found, numbers
            return
        associator = Associator(self.options.tracker, self.rate)
        for frame, found in self._detected(ahead):
            yield frame, found, associator.update(frame.time, found)

    def _detected(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        detector = open_detector(self.options.detector)
        if detector.stateful or self.source.live:
            return detected(frames, detector)
        path = self.folder.path / BOXES_FILE
        known = read_boxes(path)
        return record_boxes(detected(frames, detector, known=known), path, known)

    def _finish(self, track: Track) -> Iterator[tuple[Path, TrackRecord]]:
        given = self.options.tracks is not None
        if not given and not is_track(track, self.rate):
            self.folder.drop(track.number)
            return
        self.tracks += 1
        self.rows += to_rows(track, self.rate, every=self.options.every)
        seen = [o for o in track.seen if o.file]
        if len(seen) < LEAST_CROPS:
            self.folder.drop(track.number)
            return
        record = TrackRecord(
            camera=self.camera,
            track=track.number,
            video=self.source.name,
            frame_rate=self.source.frame_rate,
            start=self.options.start,
            detector=self.options.tracks.name if self.options.tracks else _name(self.options.detector),
            person=None,
            frames=_frame_records(seen, self.options.start or 0.0),
        )
        yield self.folder.finish_tracklet(record), record


def _observations(frame: Frame, found: Detections) -> list[Observation]:
    height, width = frame.image.shape[:2]
    boxes = found.boxes.astype(np.float64)
    scores = quality.size(boxes), quality.inside(boxes, width, height), quality.visible(boxes)
    limits = np.array([width, height, width, height])
    whole = boxes.round().astype(int).clip(0, limits)
    seen = []
    for i, (left, top, right, bottom) in enumerate(whole.tolist()):
        crop = frame.image[top:bottom, left:right]
        size, inside, visible = (float(score[i]) for score in scores)
        told = {"sharpness": 0.0, "size": size, "inside": inside, "visible": visible}
        seen.append(Observation(frame.number, frame.time, boxes[i], float(found.scores[i]), told, crop))
    return seen


def _frame_records(seen: list[Observation], start: float) -> tuple[FrameRecord, ...]:
    """As they go into the side file. Where no crop is good enough, the four best are used all the same."""
    use = [quality.is_usable(o.quality) for o in seen]
    if not any(use):
        best = sorted(range(len(seen)), key=lambda i: -float(np.prod(list(seen[i].quality.values()))))
        use = [i in best[:LEAST_CROPS] for i in range(len(seen))]
    records = []
    for observation, used in zip(seen, use, strict=True):
        left, top, right, bottom = (round(float(side), 2) for side in observation.box)
        box = left, top, round(right - left, 2), round(bottom - top, 2)
        told = {name: round(float(score), 3) for name, score in observation.quality.items()}
        records.append(
            FrameRecord(
                observation.frame,
                round(start + observation.time, 3),
                box,
                round(observation.score, 3),
                observation.file,
                told,
                used,
            )
        )
    return tuple(records)


def _settings(source: Source, options: TrackOptions) -> dict[str, object]:
    """What video.json says about how the tracks were made."""
    told = asdict(options)
    del told["camera"], told["frame_rate"]
    if options.tracks is not None:
        told |= {
            "detector": None,
            "tracker": None,
            "tracks": f"{options.tracks.name} {_digest(options.tracks)}",
        }
    elif Path(options.detector).is_file():
        told["detector"] = f"{_name(options.detector)} {_digest(Path(options.detector))}"
    return {
        "source": source.name,
        "identity": list(source.identity),
        "frame_rate": source.frame_rate,
        "detector": told.pop("detector"),
        "options": told,
    }


def _name(detector: str) -> str:
    return Path(detector).name if Path(detector).is_file() else detector


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _watched(numbered: Iterator[Numbered], source: Source, every: int) -> Iterator[Numbered]:
    begun = time.monotonic()
    done = 0

    def count() -> Iterator[Numbered]:
        nonlocal done
        for item in numbered:
            done += 1
            yield item

    def speed() -> str:
        return f"{done / max(time.monotonic() - begun, 1e-9):.0f} frames/s"

    total = source.num_frames and -(-source.num_frames // every)
    return progress(count(), label=source.name, total=total, status=speed)


def _summary(
    source: Source, camera: str, folder: CameraFolder, records: list[TrackRecord], seconds: float
) -> VideoSummary:
    told = folder.told or {}
    use = [frame.use for record in records for frame in record.frames]
    return VideoSummary(
        video=source.name,
        camera=camera,
        frames=told["frames"],
        tracks=told["tracks"],
        tracklets=len(records),
        used=sum(use),
        left_out=len(use) - sum(use),
        seconds=seconds,
    )
