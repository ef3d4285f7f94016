"""One run over one video: frames in, finished tracklets out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from stca.footage.sources import Frame, Source
from stca.tools.progress import progress
from stca.tracking import quality
from stca.tracking.associate import Associator
from stca.tracking.detection import decoded_ahead, detected, read_boxes, record_boxes
from stca.tracking.detectors.detections import Detections
from stca.tracking.external_tracks import Cutting, read_given, tell_unused, with_given
from stca.tracking.options import TrackOptions, VideoSummary
from stca.tracking.smoothing import is_track, to_rows
from stca.tracking.track_builder import Following, Observation, Track
from stca.tracking.writing import BOXES_FILE, CameraFolder
from stca.tracks import FrameRecord, TrackRecord, overall

LEAST_CROPS = 4
"""A track with fewer crops stays in tracks.txt, but is no tracklet."""

Numbered = tuple[Frame, Detections, Int64[np.ndarray, " n"]]


class Job:
    """One run over one video.

    Args:
        source: the video.
        camera: its name.
        options: what decides the result.
        folder: where everything goes.

    Raises:
        DatasetError: the options' tracks cannot be read.

    """

    def __init__(self, source: Source, camera: str, options: TrackOptions, folder: CameraFolder) -> None:
        self._source, self._camera, self._options, self._folder = source, camera, options, folder
        self._rate = source.frame_rate / options.every
        self._given = None if options.tracks is None else read_given(options.tracks)
        self._start = options.start
        self._frames = self._tracks = self._tracklets = self._used = self._left_out = 0
        self._seconds = 0.0

    def run(self, *, show: bool) -> Iterator[tuple[Path, TrackRecord]]:
        """Give every tracklet as soon as it is over and written; `show` progress."""
        begun = time.monotonic()
        kept = self._folder.begin(keep=self._source.live)
        self._before = kept.frame
        tracks = (
            Following(self._rate, self._folder, first=kept.number)
            if self._given is None
            else Cutting(self._given, self._folder)
        )
        width = height = end = 0
        try:
            for frame, found, numbers in self._watched() if show else self._numbered():
                self._frames, end = self._frames + 1, frame.number
                height, width = frame.image.shape[:2]
                for track in tracks.update(frame, _observations(frame, found), numbers):
                    yield from self._finish(track)
        except KeyboardInterrupt:
            if not self._source.live:
                raise
            warnings.warn(f"{self._source.name}: stopped; what was seen is kept", stacklevel=2)
        for track in tracks.close():
            yield from self._finish(track)
        if self._given is not None:
            tell_unused(self._given, end, every=self._options.every)
        self._folder.finish(
            sort=not self._source.live,
            frames=self._frames,
            width=width,
            height=height,
            tracks=kept.tracks + self._tracks,
        )
        self._seconds = time.monotonic() - begun

    def summary(self) -> VideoSummary:
        """What became of it."""
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

    def _numbered(self) -> Iterator[Numbered]:
        """Frames with boxes and the numbers of their tracks."""
        ahead = decoded_ahead(self._wanted(), live=self._source.live)
        if self._given is not None:
            for frame, (found, numbers) in with_given(ahead, self._given):
                yield frame, found, numbers
            return
        associator = Associator(self._options.tracker, self._rate)
        for frame, found in self._detected(ahead):
            yield frame, found, associator.update(frame.time, found)

    def _wanted(self) -> Iterator[Frame]:
        """Those to look at; a camera's go on where an earlier recording of it was interrupted."""
        begins_now = self._source.live and (self._start is None or self._before > 0)
        for frame in self._source.frames():
            if begins_now:
                self._start, begins_now = time.time() - frame.time, False
            if (frame.number - 1) % self._options.every == 0:
                yield replace(frame, number=frame.number + self._before)

    def _detected(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        detector = self._options.open_detector()
        if detector.stateful or self._source.live:
            return detected(frames, detector)
        path = self._folder.path / BOXES_FILE
        known = read_boxes(path)
        return record_boxes(detected(frames, detector, known=known), path, known)

    def _watched(self) -> Iterator[Numbered]:
        begun = time.monotonic()

        def speed() -> str:
            return f"{self._frames / max(time.monotonic() - begun, 1e-9):.0f} frames/s"

        count = self._source.num_frames
        total = count and -(-count // self._options.every)
        return progress(self._numbered(), label=self._source.name, total=total, status=speed)

    def _finish(self, track: Track) -> Iterator[tuple[Path, TrackRecord]]:
        if self._given is None and not is_track(track):
            self._folder.drop(track.number)
            return
        self._tracks += 1
        self._folder.add_rows(to_rows(track, self._rate, every=self._options.every))
        seen = [o for o in track.seen if o.file]
        if len(seen) < LEAST_CROPS:
            self._folder.drop(track.number)
            return
        self._folder.wait()
        record = self._record(track.number, seen)
        folder = self._folder.finish_tracklet(record)
        use = sum(frame.use for frame in record.frames)
        self._tracklets, self._used = self._tracklets + 1, self._used + use
        self._left_out += len(record.frames) - use
        yield folder, record

    def _record(self, number: int, seen: list[Observation]) -> TrackRecord:
        return TrackRecord(
            camera=self._camera,
            track=number,
            video=self._source.name,
            frame_rate=self._source.frame_rate,
            start=self._start,
            detector=self._options.found_by,
            person=None,
            frames=_frame_records(seen, self._start or 0.0),
        )


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
        score = float(found.scores[i])
        seen.append(
            Observation(
                frame=frame.number, time=frame.time, box=boxes[i], score=score, quality=told, crop=crop
            )
        )
    return seen


def _frame_records(seen: list[Observation], start: float) -> tuple[FrameRecord, ...]:
    """As they go into the side file. Where no crop is good enough, the four best are used all the same."""
    use = [quality.is_usable(o.quality) for o in seen]
    if not any(use):
        best = sorted(range(len(seen)), key=lambda i: -overall(seen[i].quality))
        use = [i in best[:LEAST_CROPS] for i in range(len(seen))]
    records = []
    for observation, used in zip(seen, use, strict=True):
        left, top, right, bottom = (round(float(side), 2) for side in observation.box)
        box = left, top, round(right - left, 2), round(bottom - top, 2)
        told = {name: round(float(score), 3) for name, score in observation.quality.items()}
        records.append(
            FrameRecord(
                frame=observation.frame,
                time=round(start + observation.time, 3),
                box=box,
                score=round(observation.score, 3),
                file=observation.file,
                quality=told,
                use=used,
            )
        )
    return tuple(records)
