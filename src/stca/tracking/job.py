"""Tracking of one video: frames in, finished tracklets out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from stca.footage.sources import Frame, Source
from stca.tools.progress import progress
from stca.tracking import quality
from stca.tracking.appearance import CropEncoder, NetworkChanges
from stca.tracking.associate import Associator
from stca.tracking.camera_folder.recorded import BOXES_FILE
from stca.tracking.camera_folder.writing import CameraFolder
from stca.tracking.confirmation import LOOKS, Confirmation
from stca.tracking.detection import detect_frames, read_ahead, read_boxes, record_boxes
from stca.tracking.detectors.detections import Detections
from stca.tracking.external_tracks import (
    ExternalTrackBuilder,
    ExternalTracks,
    warn_unused_rows,
    with_external_tracks,
)
from stca.tracking.observations import Observation, Track
from stca.tracking.options import TrackOptions, VideoSummary
from stca.tracking.regions import MaskedDetector, is_masked
from stca.tracking.smoothing import FrameTimes, is_long_enough, rows_as_given, to_rows
from stca.tracking.track_builder import TrackBuilder
from stca.tracks import FrameRecord, TrackRecord, overall_quality

MIN_CROPS = 4
"""A track with fewer crops stays in tracks.txt but does not become a tracklet."""

Watch = Callable[[int, int | None], None]
"""Is told how many frames of a run were processed, and how many there are; None where that is not known.

It may block, to pause the run, and what it raises ends the run."""

TrackedFrame = tuple[Frame, Detections, Int64[np.ndarray, " n"]]


class Job:
    """Tracking of one video.

    Args:
        source: the video.
        camera: its name.
        options: how to track.
        folder: receives crops, rows and side files.
        external: the boxes of `options.tracks`, if there are any.
        encoder: the network that says where a track changes its person; None: colours do.

    """

    def __init__(
        self,
        source: Source,
        camera: str,
        options: TrackOptions,
        folder: CameraFolder,
        external: ExternalTracks | None = None,
        encoder: CropEncoder | None = None,
    ) -> None:
        self._changes = NetworkChanges(encoder) if encoder is not None else None
        self._confirmation = Confirmation() if options.confirm else None
        self._longest, self._at_once = float("inf"), False  # see `TrackBuilder`
        self._source, self._camera, self._options, self._folder = source, camera, options, folder
        self._rate = source.frame_rate / options.every
        self._external = external.boxes if external else None
        self._facts: dict[str, object] = {
            "boxes_refer_to": "coded frames" if options.coded else "displayed frames",
            "times_known": source.times_known,
        }
        if external:
            self._facts["tracks_read_as"] = external.description
        self._times = FrameTimes()
        self._start = options.start
        self._frames = self._tracks = self._tracklets = self._used = self._left_out = 0
        self._seconds = 0.0

    def run(self, *, show: bool, watch: Watch | None = None) -> Iterator[tuple[Path, TrackRecord]]:
        """Yield every tracklet as soon as it has ended and is written; `show` a progress bar."""
        begun = time.monotonic()
        resume = self._folder.begin(keep=self._source.live)
        self._frame_offset = resume.frame
        tracks: TrackBuilder | ExternalTrackBuilder = (
            TrackBuilder(
                self._rate,
                self._folder,
                first=resume.number,
                changes=self._changes,
                longest=self._longest,
                at_once=self._at_once,
            )
            if self._external is None
            else ExternalTrackBuilder(self._external, self._folder)
        )
        width = height = end = 0
        try:
            for frame, found, numbers in self._with_progress() if show else self._tracked_frames():
                self._frames, end = self._frames + 1, frame.number
                height, width = frame.image.shape[:2]
                self._times.forget(min(tracks.oldest, frame.number))
                self._times.add(frame.number, frame.time)
                for track in tracks.update(frame, _observations(frame, found, numbers), numbers):
                    yield from self._finish(track)
                if watch is not None:
                    watch(self._frames, self._total)
        except KeyboardInterrupt:
            if not self._source.live:
                raise
            warnings.warn(f"{self._source.name}: stopped; everything recorded so far is kept", stacklevel=2)
        for track in tracks.close():
            yield from self._finish(track)
        if self._external is not None:
            warn_unused_rows(self._external, end, every=self._options.every)
        self._folder.finish(
            sort=not self._source.live,
            frames=self._frames,
            width=width,
            height=height,
            tracks=resume.tracks + self._tracks,
            **self._facts,
        )
        self._seconds = time.monotonic() - begun

    def summary(self) -> VideoSummary:
        """Counts and duration of the run."""
        return VideoSummary(
            video=self._source.name,
            camera=self._camera,
            frames=self._frames,
            tracks=self._tracks,
            tracklets=self._tracklets,
            used=self._used,
            left_out=self._left_out,
            seconds=self._seconds,
            folder=self._folder.path,
        )

    def _tracked_frames(self) -> Iterator[TrackedFrame]:
        """Frames with boxes and their track numbers."""
        ahead = read_ahead(self._selected_frames(), live=self._source.live)
        if self._external is not None:
            for frame, (found, numbers) in with_external_tracks(ahead, self._external):
                keep = ~is_masked(found.boxes.astype(float), self._options.masks)
                yield frame, Detections(found.boxes[keep], found.scores[keep]), numbers[keep]
            return
        associator = Associator(self._options.tracker, self._rate, moving=self._options.moving)
        for frame, found in self._detected(ahead):
            yield frame, found, associator.update(frame.time, found, frame.image)

    def _selected_frames(self) -> Iterator[Frame]:
        """Frames to process; numbers of a resumed live recording continue after its earlier frames."""
        starts_now = self._source.live and (self._start is None or self._frame_offset > 0)
        for frame in self._source.frames():
            if starts_now:
                self._start, starts_now = time.time() - frame.time, False
            if (frame.number - 1) % self._options.every == 0:
                yield replace(frame, number=frame.number + self._frame_offset)

    def _detected(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        detector = self._options.open_detector()
        if self._options.masks:
            detector = MaskedDetector(detector, self._options.masks)
        if detector.stateful or self._source.live:
            return detect_frames(frames, detector)
        path = self._folder.path / BOXES_FILE
        known = read_boxes(path)
        return record_boxes(detect_frames(frames, detector, known=known), path, known)

    def _with_progress(self) -> Iterator[TrackedFrame]:
        begun = time.monotonic()

        def speed() -> str:
            return f"{self._frames / max(time.monotonic() - begun, 1e-9):.0f} frames/s"

        return progress(self._tracked_frames(), label=self._source.name, total=self._total, status=speed)

    @property
    def _total(self) -> int | None:
        count = self._source.num_frames
        return count and -(-count // self._options.every)

    def _finish(self, track: Track) -> Iterator[tuple[Path, TrackRecord]]:
        if (self._external is None and not is_long_enough(track)) or not self._is_person(track):
            self._folder.drop(track.number)
            return
        self._tracks += 1
        external = self._external is not None
        rows = rows_as_given(track) if external else to_rows(track, self._times, every=self._options.every)
        self._folder.add_rows(rows)
        observations = [o for o in track.observations if o.file]
        if len(observations) < MIN_CROPS:
            self._folder.drop(track.number)
            return
        self._folder.wait()
        record = self._record(track.number, observations)
        folder = self._folder.finish_tracklet(record)
        use = sum(frame.use for frame in record.frames)
        self._tracklets, self._used = self._tracklets + 1, self._used + use
        self._left_out += len(record.frames) - use
        yield folder, record

    def _is_person(self, track: Track) -> bool:
        seen = [o for o in track.observations if o.file]
        return not seen or self._sees_person(track.number, seen)

    def _sees_person(self, number: int, seen: list[Observation], looks: int = LOOKS) -> bool:
        """Whether there is a person in these observations of an open track; True where none is looked for."""
        if self._confirmation is None:
            return True
        return self._confirmation.is_person(self._folder.crops(number, seen), looks)

    def _record(self, number: int, observations: list[Observation]) -> TrackRecord:
        return TrackRecord(
            camera=self._camera,
            track=number,
            video=self._source.name,
            frame_rate=self._source.frame_rate,
            start=self._start,
            detector=self._options.detector_label,
            person=None,
            frames=_frame_records(observations, self._start or 0.0),
        )


def _observations(frame: Frame, found: Detections, numbers: Int64[np.ndarray, " n"]) -> list[Observation]:
    height, width = frame.image.shape[:2]
    boxes = found.boxes.astype(np.float64)
    seen = quality.visible(boxes, people=numbers >= 0)
    scores = quality.size(boxes), quality.inside(boxes, width, height), seen
    limits = np.array([width, height, width, height])
    whole = boxes.round().astype(int).clip(0, limits)
    observations = []
    for i, (left, top, right, bottom) in enumerate(whole.tolist()):
        crop = frame.image[top:bottom, left:right]
        size, inside, visible = (float(score[i]) for score in scores)
        qualities = {"sharpness": 0.0, "size": size, "inside": inside, "visible": visible}
        score = float(found.scores[i])
        observations.append(
            Observation(
                frame=frame.number, time=frame.time, box=boxes[i], score=score, quality=qualities, crop=crop
            )
        )
    return observations


def _frame_records(observations: list[Observation], start: float) -> tuple[FrameRecord, ...]:
    """Records for the side file. Where no crop is usable, the best `MIN_CROPS` ones are used anyway."""
    use = [quality.is_usable(o.quality) for o in observations]
    if not any(use):
        best = sorted(range(len(observations)), key=lambda i: -overall_quality(observations[i].quality))
        use = [i in best[:MIN_CROPS] for i in range(len(observations))]
    records = []
    for observation, used in zip(observations, use, strict=True):
        left, top, right, bottom = (round(float(side), 2) for side in observation.box)
        box = left, top, round(right - left, 2), round(bottom - top, 2)
        qualities = {name: round(float(score), 3) for name, score in observation.quality.items()}
        records.append(
            FrameRecord(
                frame=observation.frame,
                time=round(start + observation.time, 3),
                box=box,
                score=round(observation.score, 3),
                file=observation.file,
                quality=qualities,
                use=used,
            )
        )
    return tuple(records)
