"""One video -> a camera's folder of tracklets."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

from stca.errors import ConfigError
from stca.footage.sources import Source, open_source
from stca.tracking.associate import TRACKERS
from stca.tracking.detectors.options import DetectorOptions
from stca.tracking.job import Job
from stca.tracking.options import TrackOptions, VideoSummary, check_camera, settings
from stca.tracking.writing import CameraFolder, folder_of
from stca.tracklets import Tracklet
from stca.tracks import TrackRecord


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
    frame_rate: float | None = None,
    detector_options: DetectorOptions | None = None,
) -> Iterator[Tracklet]:
    """Find and follow the people of a video; gives every tracklet as soon as it is over and written.

    Everything lies in `out/<camera>/` afterwards, as `stca track` writes it; in `out/<camera>_<video>/` where
    `out/<camera>/` has another video of that camera. A video that is already done is only read; one that
    was interrupted is done again (boxes of a network that were found are kept). What was recorded of a camera
    before it was interrupted stays, and the recording goes on behind it.

    Args:
        path: a video file, a folder of images, or the address of a camera.
        detector: `motion` (needs no weights, for fixed cameras), an .onnx file or an OpenVINO .xml file.
        tracker: `ocsort` or `bytetrack`.
        out: where to.
        tracks: a MOTChallenge file with finished tracks, instead of a detector and a tracker.
        camera: its name; default: the video's, without suffix.
        camera_id: of the tracklets that are given; their person_id is the number of the track.
        start: when the video began, POSIX seconds; default: nobody knows, or now where it is a camera.
        every: only every so many-th frame is looked at.
        frame_rate: frames a second; default: what the video says, or 25.
        detector_options: what the detector's file does not say, and where it runs.

    Raises:
        StcaError: something that tracking needs is not installed.
        FrameError: nothing to be opened there, or no frame that can be read.
        ConfigError: an option that is none, or tracks that were made with other options.
        CheckpointError: a file that is no detector.
        DatasetError: `tracks` cannot be read.

    """
    options = TrackOptions(
        detector=detector,
        tracker=tracker,
        tracks=tracks,
        camera=camera,
        start=start,
        every=every,
        frame_rate=frame_rate,
        detector_options=detector_options or DetectorOptions(),
    )
    for folder, record in write_tracks(path, Path(out), options):
        frames = tuple(folder / frame.file for frame in record.frames if frame.use)
        if frames:
            yield Tracklet(frames, record.track, camera_id, f"{folder.parent.name}/{folder.name}")


def write_tracks(
    path: str | Path, out: Path, options: TrackOptions, *, show: bool = False
) -> Generator[tuple[Path, TrackRecord], None, VideoSummary]:
    """As `track_video`, with the folders and records; returns a summary, and shows progress if `show`."""
    source = open_source(path, frame_rate=options.frame_rate)
    camera = options.camera or source.camera
    check_camera(camera)
    place = folder_of(out, camera, source)
    folder = CameraFolder(place, settings(source, options))
    try:
        if folder.finished and source.live:
            raise ConfigError(
                "There is already a recording of this camera", where=place, hint="another --out or --camera"
            )
        if folder.finished:
            done = folder.records()
            yield from done
            return _done_before(source, camera, folder, [record for _, record in done])
        if place.name != camera and options.start is None and not source.live:
            warnings.warn(
                f"{camera} has several videos, and the times of {source.name} begin at 0 as if it were the "
                "only one; --start tells them apart",
                stacklevel=2,
            )
        job = Job(source, camera, options, folder)
        yield from job.run(show=show)
        return job.summary()
    finally:
        folder.close()


def _done_before(
    source: Source, camera: str, folder: CameraFolder, records: list[TrackRecord]
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
        seconds=0.0,
        folder=folder.path,
    )
