"""One video -> a camera's folder of tracklets."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from stca.boxes import read_video_file
from stca.errors import ConfigError
from stca.footage.sources import Source, open_source
from stca.tracking.appearance import CropEncoder
from stca.tracking.associate import TRACKERS
from stca.tracking.camera_folder.writing import CameraFolder, camera_folder
from stca.tracking.detectors.detect import AUTO
from stca.tracking.detectors.options import DetectorOptions
from stca.tracking.external_tracks import ExternalTracks, read_external_tracks
from stca.tracking.job import Job, Watch
from stca.tracking.options import TrackOptions, VideoSummary, check_camera, settings
from stca.tracking.regions import Region
from stca.tracklets import Tracklet
from stca.tracks import TrackRecord


def track_video(
    path: str | Path,
    *,
    detector: str = AUTO,
    tracker: str = TRACKERS[0],
    out: str | Path = "tracks",
    tracks: Path | None = None,
    camera: str | None = None,
    camera_id: int = 1,
    start: float | None = None,
    every: int = 1,
    frame_rate: float | None = None,
    first_frame: int | None = None,
    coded: bool = False,
    masks: Sequence[Region] = (),
    moving: bool = False,
    detector_options: DetectorOptions | None = None,
    encoder: CropEncoder | None = None,
) -> Iterator[Tracklet]:
    """Detect and track the people of a video; yields every tracklet as soon as it has ended and is written.

    A finished video in `out/<camera>/` is only read; an interrupted one is tracked again or, live, continued.

    Args:
        path: a video file, a folder of images, or the address of a camera.
        detector: `motion` or `person_mobile`, `auto`: one of them, as the video needs; or as `open_detector`.
        tracker: `ocsort`, `bytetrack` or `botsort`.
        out: the output folder.
        tracks: a MOTChallenge file of external tracks, instead of a detector and a tracker.
        camera: the camera's name; default: the video's name without suffix.
        camera_id: camera id of the tracklets; their person_id is the track number.
        start: when the video began, POSIX seconds; default: unknown, or the present time for a live camera.
        every: only every `every`-th frame is processed.
        frame_rate: frames per second; default: the video's own, or 25.
        first_frame: 0 or 1, what `tracks` calls the video's first frame; default: told from the file.
        coded: whether boxes refer to the frames as coded, not as displayed (rotation, pixel shape).
        masks: regions without detections, also without boxes of `tracks`.
        moving: whether the camera moves, so that its motion is undone for the tracker.
        detector_options: what the detector's file does not say, and where it runs.
        encoder: a network that says where a track changes its person; None: colours do.

    Raises:
        StcaError: a package is not installed, or the video, `tracks` or the detector cannot be read.
        ConfigError: an invalid option, or the folder holds tracks made with other options.
    """
    options = TrackOptions(
        detector=detector,
        tracker=tracker,
        tracks=tracks,
        camera=camera,
        start=start,
        every=every,
        frame_rate=frame_rate,
        first_frame=first_frame,
        coded=coded,
        masks=tuple(masks),
        moving=moving,
        detector_options=detector_options or DetectorOptions(),
    )
    return _tracklets(write_tracks(path, Path(out), options, encoder=encoder), camera_id)


def _tracklets(written: Iterator[tuple[Path, TrackRecord]], camera_id: int) -> Iterator[Tracklet]:
    for folder, record in written:
        frames = tuple(folder / frame.file for frame in record.frames if frame.use)
        if frames:
            yield Tracklet(frames, record.track, camera_id, f"{folder.parent.name}/{folder.name}")


def write_tracks(
    path: str | Path,
    out: Path,
    options: TrackOptions,
    *,
    encoder: CropEncoder | None = None,
    show: bool = False,
    folder_name: str | None = None,
    watch: Watch | None = None,
) -> Generator[tuple[Path, TrackRecord], None, VideoSummary]:
    """As `track_video`, but yields folders and records, and returns a summary.

    Args:
        path: as of `track_video`.
        out: likewise.
        options: how to track.
        encoder: says by vectors of crops where a track changes its person, and cuts it there.
        show: show a progress bar.
        folder_name: of the folder in `out`; default: the camera's name.
        watch: called after every frame, see `Watch`.

    """
    source = open_source(path, frame_rate=options.frame_rate, coded=options.coded)
    camera = options.camera or source.camera
    check_camera(camera)
    place = out / folder_name if folder_name else camera_folder(out, camera, source)
    options = options.resolved(source, read_video_file(place), show=show)
    made_with = settings(source, options, encoder)
    external = _external_tracks(source, options, show=show)
    folder = CameraFolder(place, made_with)
    try:
        if folder.finished and source.live:
            raise ConfigError(
                "There is already a finished recording of this camera",
                where=place,
                hint="use another --out or --camera",
            )
        if folder.finished:
            done = folder.records()
            yield from done
            return _done_before(source, camera, folder, [record for _, record in done])
        if place.name != camera and options.start is None and not source.live:
            warnings.warn(
                f"{camera} has several videos, and without --start the times of each begin at 0, "
                f"also those of {source.name}; give --start to tell them apart",
                stacklevel=2,
            )
        job = Job(source, camera, options, folder, external, encoder)
        yield from job.run(show=show, watch=watch)
        return job.summary()
    finally:
        folder.close()


def track_whole(
    path: str | Path,
    out: Path,
    options: TrackOptions,
    *,
    encoder: CropEncoder | None = None,
    show: bool = False,
    folder_name: str | None = None,
    watch: Watch | None = None,
) -> VideoSummary:
    """As `write_tracks`, to the end of the video; its tracklets lie in the summary's folder."""
    running = write_tracks(
        path, out, options, encoder=encoder, show=show, folder_name=folder_name, watch=watch
    )
    while True:
        try:
            next(running)
        except StopIteration as end:
            summary: VideoSummary = end.value
            return summary


def _external_tracks(source: Source, options: TrackOptions, *, show: bool) -> ExternalTracks | None:
    if options.tracks is None:
        return None
    external = read_external_tracks(
        options.tracks, first_frame=options.first_frame, num_frames=source.num_frames
    )
    if show:
        print(f"{options.tracks.name}: {external.description}", file=sys.stderr)
    return external


def _done_before(
    source: Source, camera: str, folder: CameraFolder, records: list[TrackRecord]
) -> VideoSummary:
    metadata = folder.metadata or {}
    use = [frame.use for record in records for frame in record.frames]
    return VideoSummary(
        video=source.name,
        camera=camera,
        frames=metadata["frames"],
        tracks=metadata["tracks"],
        tracklets=len(records),
        used=sum(use),
        left_out=len(use) - sum(use),
        seconds=0.0,
        folder=folder.path,
    )
