"""`stca track`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.parsing import (
    Verbs,
    add_detector_options,
    add_verb,
    detector_options,
    moment,
    positive,
    print_detector,
)

if TYPE_CHECKING:
    from stca.errors import StcaError
    from stca.tracking import TrackOptions, VideoSummary


def add_verbs(verbs: Verbs) -> None:
    """Add `track`."""
    track = add_verb(verbs, "track", _track, help="find and follow the people of videos: crops and tracks")
    track.add_argument(
        "video", nargs="+", help="video files, folders of images, addresses of cameras (rtsp://, http://)"
    )
    track.add_argument("--out", type=Path, required=True, metavar="ROOT", help="where to: ROOT/camera/track/")
    track.add_argument(
        "--detector",
        default="motion",
        metavar="motion|FILE",
        help="motion needs no weights but a fixed camera; or a YOLO, DETR or SSD network (.onnx, .xml)",
    )
    add_detector_options(track)
    track.add_argument("--tracker", choices=("ocsort", "bytetrack"), default="ocsort", help="who follows")
    track.add_argument(
        "--tracks", type=Path, metavar="FILE", help="finished MOTChallenge tracks of the (one) video instead"
    )
    track.add_argument(
        "--camera",
        metavar="NAME",
        help="of the (one) video; default: its name; a camera may have several videos",
    )
    track.add_argument(
        "--start", type=moment, metavar="ISO", help="when the videos began, e.g. 2026-01-31T10:00:00 (local)"
    )
    track.add_argument("--every", type=positive, default=1, metavar="N", help="look at every N-th frame only")
    track.add_argument(
        "--rate", type=float, metavar="FPS", help="frames a second; default: what a video says"
    )


def _track(given: argparse.Namespace) -> int:
    from stca.errors import StcaError
    from stca.footage.video import without_password
    from stca.tracking import TrackOptions

    options = TrackOptions(
        detector=given.detector,
        tracker=given.tracker,
        tracks=given.tracks,
        camera=given.camera,
        start=given.start,
        every=given.every,
        frame_rate=given.rate,
        detector_options=detector_options(given),
    )
    _demand_one_camera_each(given.video, options)
    if options.tracks is None:
        print_detector(options.open_detector())  # a bad one is no video's fault: said before anything is done
    _demand_an_end(given.video[:-1])
    done, failed = [], 0
    for video in given.video:
        try:
            done.append(_run(video, given.out, options))
        except (StcaError, OSError) as problem:
            failed += 1
            error = _explained(problem, given.out) if isinstance(problem, OSError) else problem
            print(f"error: {without_password(video)}: {error}", file=sys.stderr)
    if done:
        print(_table(done))
        print(f"in {given.out}")
    return 1 if failed else 0


def _explained(error: OSError, out: Path) -> StcaError:
    """What the system says, with where (a full disk names no file) and what to do."""
    from stca.errors import StcaError

    return StcaError(
        "A file cannot be read or written",
        found=error.strerror or error,
        where=error.filename or out,
        hint="mend that (a full disk needs room) and call again: what was finished is kept",
    )


def _demand_one_camera_each(videos: list[str], options: TrackOptions) -> None:
    from stca.errors import ConfigError
    from stca.footage.sources import camera_name

    if len(videos) > 1 and (options.camera or options.tracks):
        option = "--camera" if options.camera else "--tracks"
        raise ConfigError(
            f"{option} is for one video",
            found=f"{len(videos)} videos",
            hint="one call each; they may have the same --camera and --out" if options.camera else None,
        )
    names = Counter(map(camera_name, videos))
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError(
            "Two videos have the same name, which is their camera's",
            found=", ".join(twice),
            hint="one call each, with --camera NAME",
        )


def _demand_an_end(videos: list[str]) -> None:
    """What comes after a camera would never have its turn."""
    from stca.errors import ConfigError, StcaError
    from stca.footage.sources import open_source
    from stca.footage.video import without_password

    for address in (video for video in videos if "://" in video):
        try:
            live = open_source(address).live
        except StcaError:  # said when its turn comes
            continue
        if live:
            raise ConfigError(
                "A camera goes on for ever, and what comes after it would never have its turn",
                found=without_password(address),
                hint="one call for every camera, side by side",
            )


def _run(video: str, out: Path, options: TrackOptions) -> VideoSummary:
    from stca.tracking import write_tracks

    running = write_tracks(video, out, options, show=True)
    while True:
        try:
            next(running)
        except StopIteration as end:
            summary: VideoSummary = end.value
            return summary


def _table(done: list[VideoSummary]) -> str:
    wide = max(len("video"), *(len(each.video) for each in done))
    heads = ("frames", "tracks", "tracklets", "crops used", "left out", "frames/s")
    rows = ["  ".join([f"{'video':<{wide}}", *heads])]
    for each in done:
        speed = f"{each.frames / each.seconds:.0f}" if each.seconds else "done before"
        cells = (each.frames, each.tracks, each.tracklets, each.used, each.left_out, speed)
        row = (f"{cell:>{len(head)}}" for cell, head in zip(cells, heads, strict=True))
        rows.append("  ".join([f"{each.video:<{wide}}", *row]))
    return "\n".join(rows)
