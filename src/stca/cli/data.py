"""`stca data list | check | make-walkers | make-scene`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from stca.cli.parsing import Verbs, add_verb, natural, pair, size

_SCENE_NUISANCES = ("colour", "viewpoint", "background", "blur", "noise", "compression")


def add_verbs(verbs: Verbs) -> None:
    """Add `data` and its subcommands."""
    from stca.walkers import Nuisances

    parent = verbs.add_parser("data", help="check and pack data sets, render synthetic ones")
    below = parent.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_verb(below, "list", _list, help="list the data set types that can be loaded")

    check = add_verb(below, "check", _check, help="compare a data set on disk with what was published")
    check.add_argument("dataset", help="data set type (see `stca data list`)")
    check.add_argument("root", type=Path, help="root folder of the data set")
    check.add_argument("settings", nargs="*", metavar="key=value", help="options of the loader, e.g. seed=0")
    check.add_argument("--split", type=natural, default=0, help="which split of the data set")
    check.add_argument("--decode", action="store_true", help="decode every frame to find damaged ones")

    pack = add_verb(below, "pack", _pack, help="copy a data set into one file, for slow disks and networks")
    pack.add_argument("dataset", help="data set type (see `stca data list`)")
    pack.add_argument("root", type=Path, help="root folder of the data set")
    pack.add_argument("out", type=Path, metavar="FILE.lmdb", help="output file; load it as data set `packed`")
    pack.add_argument("settings", nargs="*", metavar="key=value", help="options of the loader, e.g. seed=0")
    pack.add_argument("--split", type=natural, default=0, help="which split of the data set")

    make = add_verb(
        below, "make-walkers", _make_walkers, help="render synthetic pedestrians in MARS's layout"
    )
    make.add_argument("root", type=Path, help="a new folder")
    make.add_argument("--train-persons", type=int, default=40, help="training identities")
    make.add_argument("--test-persons", type=int, default=40, help="test identities")
    make.add_argument("--cameras", type=int, default=6, help="number of cameras, 2 to 6")
    make.add_argument(
        "--tracklets", type=pair, default=(1, 2), metavar="A-B", help="tracklets per person and camera"
    )
    make.add_argument("--frames", type=pair, default=(8, 24), metavar="A-B", help="frames per tracklet")
    make.add_argument("--size", type=size, default=(128, 64), metavar="HxW", help="crop size in pixels")
    make.add_argument("--seed", type=int, default=0, help="random seed of the people")
    make.add_argument(
        "--twins", action="store_true", help="pairs of people with the same clothes who differ in gait only"
    )
    make.add_argument("--workers", type=int, help="number of processes; default: one per core")
    group = make.add_argument_group("nuisances", "strength: 0 is off, 1 the default, larger is harder")
    for dial in dataclasses.fields(Nuisances):
        group.add_argument(f"--{dial.name}", type=float, default=1.0, metavar="X")
    _add_make_scene(below)


def _add_make_scene(verbs: Verbs) -> None:
    make = add_verb(
        verbs,
        "make-scene",
        _make_scene,
        help="render scenes: videos of several cameras with ground-truth tracks",
    )
    make.add_argument("root", type=Path, help="a new folder")
    make.add_argument("--cameras", type=int, default=4, help="number of cameras, 1 to 16")
    make.add_argument(
        "--persons", type=int, default=30, help="number of people; they enter, leave and return"
    )
    make.add_argument(
        "--seconds", type=int, default=60, help="length of each video, at 12.5 frames per second"
    )
    make.add_argument(
        "--height",
        type=int,
        default=360,
        help="video height in pixels; a multiple of 18, since frames are 16:9",
    )
    make.add_argument("--seed", type=int, default=0, help="random seed of people and places")
    make.add_argument("--workers", type=int, help="number of processes; default: one per core")
    group = make.add_argument_group("nuisances", "strength: 0 is off, 1 the default, larger is harder")
    for name in _SCENE_NUISANCES:
        group.add_argument(f"--{name}", type=float, default=1.0, metavar="X")


def _list(args: argparse.Namespace) -> None:
    from stca.datasets import DATASETS

    for name, load in sorted(DATASETS.items()):
        print(f"{name:<12} {(load.__doc__ or '').strip().splitlines()[0]}")


def _loader_options(args: argparse.Namespace, *taken: str) -> dict[str, Any]:
    from stca.config import parse_assignments
    from stca.config.settings import LOADER_TAKEN, check_options_of

    options = parse_assignments(args.settings)
    check_options_of("data set", options, taken=(*LOADER_TAKEN, *taken))
    return options


def _check(args: argparse.Namespace) -> int:
    from stca.datasets.check import check_dataset

    options = _loader_options(args, "decode")
    report = check_dataset(args.dataset, args.root, split=args.split, decode=args.decode, **options)
    print(report.table())
    return 0 if report.complete else 1


def _pack(args: argparse.Namespace) -> None:
    from stca.datasets import load_dataset
    from stca.datasets.packed import pack_dataset

    options = _loader_options(args)
    splits = load_dataset(args.dataset, args.root, split=args.split, **options)
    print(splits)
    size = pack_dataset(splits, args.out, split=args.split)
    print(f"written to {args.out}, {size / 1e6:.1f} MB: data.source=packed --data {args.out}")


def _make_walkers(args: argparse.Namespace) -> None:
    from stca.datasets import load_dataset
    from stca.walkers import Nuisances, make_walkers

    dials = {dial.name: getattr(args, dial.name) for dial in dataclasses.fields(Nuisances)}
    root = make_walkers(
        args.root,
        train_persons=args.train_persons,
        test_persons=args.test_persons,
        cameras=args.cameras,
        tracklets_per_camera=args.tracklets,
        frames=args.frames,
        size=args.size,
        seed=args.seed,
        twins=args.twins,
        nuisances=Nuisances(**dials),
        workers=args.workers,
    )
    print(load_dataset("walkers", root))
    print(f"written to {root}")


def _make_scene(args: argparse.Namespace) -> None:
    from stca.boxes import read_mot
    from stca.walkers import Nuisances, make_scene

    root = make_scene(
        args.root,
        cameras=args.cameras,
        persons=args.persons,
        seconds=args.seconds,
        height=args.height,
        seed=args.seed,
        nuisances=Nuisances(**{name: getattr(args, name) for name in _SCENE_NUISANCES}),
        workers=args.workers,
    )
    print(f"{'camera':<10}{'persons':>9}{'boxes':>9}")
    for camera in range(1, args.cameras + 1):
        path = root / f"cam{camera}" / "gt" / "gt.txt"
        rows = read_mot(path).rows if path.stat().st_size else ()
        print(f"cam{camera:<7}{len({row.track for row in rows}):>9}{len(rows):>9}")
    print(f"written to {root}")
