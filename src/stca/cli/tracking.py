"""`stca track`."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.parsing import (
    Verbs,
    add_detector_options,
    add_verb,
    choose_detector,
    detector_options,
    mask,
    moment,
    positive,
    print_detector,
    require_with,
    zone,
)
from stca.cli.scaling import add_engine, check_engine, track_on_cluster

if TYPE_CHECKING:
    from stca.errors import StcaError
    from stca.tracking import TrackOptions, VideoSummary
    from stca.tracking.appearance import CropEncoder


def add_verbs(verbs: Verbs) -> None:
    """Add `track`."""
    track = add_verb(
        verbs, "track", _track, help="detect and track the people in videos: writes crops and tracks"
    )
    track.add_argument(
        "video", nargs="+", help="video files, folders of images, camera addresses (rtsp://, http://)"
    )
    track.add_argument(
        "--out", type=Path, required=True, metavar="ROOT", help="output folder: ROOT/camera/track/"
    )
    track.add_argument(
        "--detector",
        metavar="motion|NAME|FILE",
        help="motion (fixed cameras), person_mobile (the package's network), a name of `stca weights list`, "
        "or a YOLO, DETR or SSD network (.onnx, .xml); default: the strongest that was fetched, else motion "
        "or person_mobile, as each video needs",
    )
    add_detector_options(track)
    track.add_argument(
        "--tracker",
        choices=("ocsort", "bytetrack", "botsort"),
        default="ocsort",
        help="how boxes are associated to tracks",
    )
    track.add_argument(
        "--moving",
        action="store_true",
        help="the camera moves: its motion is estimated, and undone for the tracker",
    )
    track.add_argument(
        "--appearance",
        metavar="MODEL",
        help="re-identification network that says where a track changes its person (pretrained, a file, a "
        "run, a name); default: colours do",
    )
    _add_video(track)
    _add_outputs(track)
    add_engine(
        track, what="track the videos of folders, lists (.txt) and object stores (s3://, gs://, https://)"
    )


def _add_video(track: argparse.ArgumentParser) -> None:
    """External tracks, and what a video does not say."""
    track.add_argument(
        "--tracks",
        type=Path,
        metavar="FILE",
        help="use the external tracks in this file (MOTChallenge and others) for the one video",
    )
    track.add_argument(
        "--camera",
        metavar="NAME",
        help="camera of the one video; default: its name; a camera may have several videos",
    )
    track.add_argument(
        "--start", type=moment, metavar="ISO", help="when the videos began, e.g. 2026-01-31T10:00:00 (local)"
    )
    track.add_argument(
        "--first-frame",
        type=int,
        choices=(0, 1),
        help="what FILE calls the video's first frame; default: told from FILE",
    )
    track.add_argument(
        "--coded",
        action="store_true",
        help="boxes refer to the frames as coded, without the rotation and pixel shape that a video asks for",
    )
    track.add_argument("--every", type=positive, default=1, metavar="N", help="process every N-th frame only")
    track.add_argument(
        "--rate", type=float, metavar="FPS", help="frames per second; default: the video's own"
    )


def _add_outputs(track: argparse.ArgumentParser) -> None:
    """Masks, zones, and what is made of finished tracks."""
    track.add_argument(
        "--mask",
        type=mask,
        action="append",
        default=[],
        metavar="X,Y,...",
        help="a polygon in pixels where nothing is detected; may be repeated",
    )
    track.add_argument(
        "--zone",
        type=zone,
        action="append",
        default=[],
        metavar="NAME=X,Y,...",
        help="a polygon in pixels: writes who is in it, from when to when, to zones.csv and zones.json",
    )
    track.add_argument(
        "--draw", type=Path, metavar="FILE", help="draw the tracks of the one video into FILE (.mp4, H.264)"
    )
    track.add_argument(
        "--blur", action="store_true", help="blur the heads of the tracked people in --draw's file"
    )
    track.add_argument("--json", action="store_true", help="print all tracks as JSON instead of a table")


def _track(given: argparse.Namespace) -> int:
    from stca.errors import ConfigError
    from stca.tracking import TrackOptions
    from stca.tracking.detectors.detect import AUTO
    from stca.tracking.outputs import check_drawing, check_zones

    check_engine(given)
    options = TrackOptions(
        detector=AUTO
        if given.tracks and given.detector is None
        else choose_detector(given.detector, given.out),
        tracker=given.tracker,
        tracks=given.tracks,
        camera=given.camera,
        start=given.start,
        every=given.every,
        frame_rate=given.rate,
        detector_options=detector_options(given),
        first_frame=given.first_frame,
        coded=given.coded,
        masks=tuple(given.mask),
        moving=given.moving,
    )
    if given.first_frame is not None and given.tracks is None:
        raise ConfigError("--first-frame is for the numbers in a file of tracks", expected="--tracks FILE")
    if options.tracks is not None and (given.appearance or given.moving):
        raise ConfigError(
            "External tracks are taken as they are",
            expected="--tracks without --appearance and --moving",
            found="--appearance" if given.appearance else "--moving",
        )
    check_zones(given.zone)
    require_with(given, "blur", "draw")
    if given.draw:
        check_drawing(given.draw, given.video)
    if given.engine == "ray":
        print_detector(options)
        return _report(given, *track_on_cluster(given, options))
    _require_one_camera_each(given.video, options, given.draw)
    if options.tracks is None:  # an invalid detector is reported once, before any video is opened
        print_detector(options)
    _require_finite(given.video[:-1])
    if given.draw:
        _require_finite(given.video, drawn=True)
    with _encoder(given.appearance) as encoder:
        done, failed = _track_all(given, options, encoder)
    return _report(given, done, failed)


def _report(given: argparse.Namespace, done: list[VideoSummary], failed: int) -> int:
    """Print the tracks or their table; the exit status."""
    from stca.tracking.outputs import summary_table, tracks_json

    if given.json:
        print(json.dumps([tracks_json(each) for each in done], ensure_ascii=False))
    elif done:
        print(summary_table(done))
        print(f"in {given.out}")
    return 1 if failed else 0


def _track_all(
    given: argparse.Namespace, options: TrackOptions, encoder: CropEncoder | None
) -> tuple[list[VideoSummary], int]:
    """Summaries of the videos that could be tracked, and the number of the others."""
    from stca.errors import StcaError
    from stca.footage.video import without_password

    done, failed = [], 0
    for video in given.video:
        try:
            done.append(_run(video, given, options, encoder))
        except (StcaError, OSError) as problem:
            failed += 1
            error = _as_stca_error(problem, given.out) if isinstance(problem, OSError) else problem
            print(f"error: {without_password(video)}: {error}", file=sys.stderr)
    return done, failed


def _encoder(name: str | None) -> AbstractContextManager[CropEncoder | None]:
    """The named network, opened."""
    if name is None:
        return nullcontext()
    from stca.runs.gallery_model import open_encoder
    from stca.runs.open_model import open_model

    return open_encoder(open_model(name))


def _as_stca_error(error: OSError, out: Path) -> StcaError:
    """The system's message with a place (a full disk names no file) and what to do."""
    from stca.errors import StcaError

    return StcaError(
        "A file cannot be read or written",
        found=error.strerror or error,
        where=error.filename or out,
        hint="free some space or fix the permissions, and run the command again",
    )


def _require_one_camera_each(videos: list[str], options: TrackOptions, draw: Path | None) -> None:
    from stca.errors import ConfigError
    from stca.footage.sources import require_distinct_cameras

    if len(videos) > 1 and (options.camera or options.tracks or draw):
        option = "--camera" if options.camera else "--tracks" if options.tracks else "--draw"
        raise ConfigError(
            f"{option} applies to one video only",
            found=f"{len(videos)} videos",
            hint="run the command once per video; they may share --camera and --out"
            if options.camera
            else None,
        )
    require_distinct_cameras(videos, hint="run the command once per video, with --camera NAME")


def _require_finite(videos: list[str], *, drawn: bool = False) -> None:
    """A live camera has no end, so no video may follow it, and its finished tracks cannot be drawn."""
    from stca.errors import ConfigError, StcaError
    from stca.footage.sources import open_source
    from stca.footage.video import without_password

    for address in (video for video in videos if "://" in video):
        try:
            live = open_source(address).live
        except StcaError:  # reported when the video is opened for tracking
            continue
        if live and drawn:
            raise ConfigError(
                "--draw reads the video again when its tracks have ended, and a live camera has no end",
                found=without_password(address),
                hint="track without --draw, or record the camera to a file first",
            )
        if live:
            raise ConfigError(
                "A live camera has no end, and the videos after it would never be processed",
                found=without_password(address),
                hint="run one command per camera, in parallel",
            )


def _run(
    video: str, given: argparse.Namespace, options: TrackOptions, encoder: CropEncoder | None
) -> VideoSummary:
    from stca.tracking import track_whole
    from stca.tracking.outputs import draw_tracks, write_zones

    summary = track_whole(video, given.out, options, encoder=encoder, show=True)
    if given.zone:
        write_zones(summary.folder, given.zone)
    if given.draw:
        draw_tracks(video, summary, given.draw, options=options, zones=given.zone, blur=given.blur, show=True)
    return summary
