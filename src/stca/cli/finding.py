"""`stca find | demo`."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from stca.cli.parsing import Verbs, add_verb, choose_detector, moment, natural, positive

BY_MOTION = (
    "found by motion alone, so that other things that move, and pieces of wall, may be among them; without "
    "--detector, and with another --out, a network confirms who is a person"
)


def add_verbs(verbs: Verbs) -> None:
    """Add `find` and `demo`."""
    find = add_verb(
        verbs, "find", _find, help="who is in these videos, and where else: from videos to a page"
    )
    find.add_argument("video", nargs="+", help="video files or folders of images, one for each camera")
    add_options(find)
    find.add_argument("--out", type=Path, default=Path("people"), metavar="DIR", help="where to")

    demo = add_verb(
        verbs,
        "demo",
        _demo,
        help="`find` on your videos, or on a rendered scene of three cameras",
    )
    demo.add_argument(
        "video",
        nargs="*",
        default=[],
        help="video files or folders of images, one for each camera; default: render a scene",
    )
    add_options(demo)
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="DIR", help="where to")
    demo.add_argument("--seed", type=natural, default=0, help="random seed of the scene, or of the training")
    demo.add_argument(
        "--training",
        action="store_true",
        help="instead: train a small STCA on synthetic people and write a report (some five minutes)",
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `find` and `demo` can be told; everything is an option of one of the steps."""
    parser.add_argument(
        "--detector",
        metavar="motion|NAME|FILE",
        help="as of `stca track`; default: what --out was tracked with, else the strongest that was fetched, "
        "else motion or person_mobile, as each video needs",
    )
    parser.add_argument(
        "--tracker",
        choices=("ocsort", "bytetrack", "botsort"),
        default="ocsort",
        help="how boxes become tracks",
    )
    parser.add_argument(
        "--moving", action="store_true", help="the camera moves: its motion is compensated in tracking"
    )
    parser.add_argument(
        "--start", type=moment, metavar="ISO", help="when the videos began, e.g. 2026-01-31T10:00:00 (local)"
    )
    parser.add_argument(
        "--every", type=positive, default=1, metavar="N", help="look at every N-th frame only"
    )
    parser.add_argument(
        "--model",
        help="network that compares people: a run's folder, a file, a name of `stca weights list`; default: "
        "that of --out, else the best at hand",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="X",
        help="minimum mean cosine between two groups of one person; default: the gallery's own if it came "
        "from people, else the higher one of people whom one camera sees at once and of public sets, else "
        "found by calibration",
    )
    parser.add_argument(
        "--far",
        type=float,
        default=0.01,
        metavar="RATE",
        help="false-accept rate that the calibration of later searches aims at: for people who are not there",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    parser.add_argument(
        "--precision", choices=("float32", "bf16", "auto"), default="auto", help="of the network"
    )
    parser.add_argument("--batch-size", type=positive, default=16, help="clips per forward pass")
    parser.add_argument("--workers", type=natural, default=2, help="processes that decode crops")


def _find(given: argparse.Namespace) -> int:
    return find_and_print(given.video, given)


def find_and_print(videos: list[str], given: argparse.Namespace) -> int:
    """Find people, print who was seen where, and where the page is."""
    from stca.find import FindOptions, find_people
    from stca.linking.outputs import corrections_note, persons_table, threshold_note
    from stca.tools.progress import format_seconds
    from stca.tracking import TrackOptions
    from stca.tracking.camera_folder.recorded import has_unconfirmed_motion

    options = FindOptions(
        tracking=TrackOptions(
            detector=choose_detector(given.detector, given.out / "tracks"),
            tracker=given.tracker,
            start=given.start,
            every=given.every,
            moving=given.moving,
        ),
        model=given.model,
        threshold=given.threshold,
        far=given.far,
        device=given.device,
        precision=given.precision,
        batch_size=given.batch_size,
        workers=given.workers,
    )
    result = find_people(videos, given.out, options, show=True)
    print("nobody was seen" if result.linking is None else persons_table(result.linking, result.names))
    if result.linking:
        print(threshold_note(result.linking))
        if note := corrections_note(result.linking):
            print(note)
    if result.linking and has_unconfirmed_motion(given.out / "tracks"):
        print(BY_MOTION)
    print(f"\nopen {result.page.absolute()}   ({format_seconds(result.seconds)})")
    if result.linking:
        print(f"to correct and to search: stca serve {shlex.quote(str(given.out / 'gallery'))}")
    return 1 if result.failed else 0


def _demo(args: argparse.Namespace) -> int:
    from stca.errors import ConfigError

    if args.training:
        if args.video:
            raise ConfigError(
                "The demo of training renders its own people",
                expected="stca demo --training, without videos",
                found=" ".join(args.video),
                hint="`stca find` takes videos",
            )
        return _train(args)
    if args.video:
        return find_and_print(args.video, args)
    from stca.walkers import make_scene

    print("rendering a scene of three cameras and eight people", file=sys.stderr, flush=True)
    scene = make_scene(args.out / "scene", cameras=3, persons=8, seconds=20, seed=args.seed)
    args.start = 0.0  # its cameras begin together, so their times compare
    status = find_and_print([str(path) for path in sorted(scene.glob("*/*.mp4"))], args)
    print(f"the scene has 8 people; `stca link {args.out}/gallery --truth {scene}` scores who was found")
    return status


def _train(args: argparse.Namespace) -> int:
    from stca.ranking import compare_table
    from stca.recipes import small_walkers
    from stca.runs import run_demo

    result = run_demo(dataclasses.replace(small_walkers(), seed=args.seed), args.out)
    print(compare_table(result.results))
    print(f"\nopen {result.report.absolute()}")
    return 0
