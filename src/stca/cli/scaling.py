"""`stca plan`, and `--engine ray` of the commands that many machines can share."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from stca.cli.parsing import MODEL_HELP, Verbs, add_verb, positive

if TYPE_CHECKING:
    from stca.tracking import TrackOptions, VideoSummary


ATTEMPTS = 3
_LOCAL = {"clip_len": None, "part": "gallery", "split": None, "workers": 2}
"""Options of embedding that the Ray engine does not have, and their defaults."""


def add_verbs(verbs: Verbs) -> None:
    """Add `plan`."""
    plan = add_verb(
        verbs,
        "plan",
        _plan,
        help="machines, disk and memory that so many cameras need; or measure unit costs",
    )
    plan.add_argument("--cameras", type=positive, metavar="N", help="number of cameras")
    plan.add_argument("--days", type=float, default=30, metavar="D", help="that tracklets are kept")
    plan.add_argument("--hours", type=float, default=24, metavar="H", help="of video a day and camera")
    plan.add_argument(
        "--tracklets-per-hour",
        type=float,
        metavar="N",
        help="of one camera; default: as in the footage measured",
    )
    plan.add_argument(
        "--measured",
        type=Path,
        metavar="FILE.toml",
        help="unit costs of --measure; default: those in the package",
    )
    plan.add_argument(
        "--detector",
        action="append",
        metavar="NAME|FILE",
        help="to plan with; with --measure, may be repeated",
    )
    plan.add_argument("--json", action="store_true", help="print the figures as JSON")
    taken = plan.add_argument_group("measure unit costs on this machine (minutes)")
    taken.add_argument("--measure", action="store_true", help="take them, and write them to --out")
    taken.add_argument("--out", type=Path, default=Path("plan.toml"), metavar="FILE.toml", help="output file")
    taken.add_argument(
        "--footage",
        type=Path,
        nargs="+",
        default=[],
        help="videos to measure on; default: a scene is rendered",
    )
    taken.add_argument("--about", metavar="TEXT", help="what the footage is; default: names of the files")
    taken.add_argument("--model", default="pretrained", help=MODEL_HELP)
    taken.add_argument(
        "--rows", type=positive, nargs="+", default=[10_000, 100_000], help="sizes of galleries to measure"
    )


def _plan(given: argparse.Namespace) -> None:
    from stca.errors import ConfigError
    from stca.scale.planning.costs import SHIPPED, UnitCosts
    from stca.scale.planning.plan import Workload, plan, table

    if given.measure:
        from stca.scale.planning.measure import measure

        _require_writable(given.out)  # before minutes of measuring
        costs = measure(
            given.footage,
            about=given.about or "",
            detectors=given.detector or ["motion"],
            model=given.model,
            rows=given.rows,
        )
        costs.save(given.out)
        print(f"written to {given.out}: stca plan --cameras N --measured {given.out}")
        return
    if given.cameras is None:
        raise ConfigError("A plan is for a number of cameras", expected="--cameras N, or --measure")
    if given.detector and len(given.detector) > 1:
        raise ConfigError("A plan is for one detector", found=", ".join(given.detector))
    if given.measured is None:
        words = "these unit costs come with the package, from the machine named; yours: stca plan --measure"
        print(words, file=sys.stderr)
    costs = UnitCosts.load(given.measured or SHIPPED)
    work = Workload(
        cameras=given.cameras,
        days=given.days,
        hours=given.hours,
        tracklets_per_hour=given.tracklets_per_hour,
        detector=given.detector[0] if given.detector else None,
    )
    if given.json:
        print(json.dumps([asdict(each) for each in plan(work, costs)], indent=1))
    else:
        print(table(work, costs))


def _require_writable(file: Path) -> None:
    from stca.errors import ConfigError

    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        found = "a folder" if file.is_dir() else "a folder that cannot be written to"
        raise ConfigError("Unit costs cannot be written there", expected="a file", found=found, where=file)


def add_engine(parser: argparse.ArgumentParser, *, what: str) -> None:
    """Add --engine, --processes and --attempts."""
    group = parser.add_argument_group("many machines (docs/scale.md)")
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help=f"ray: {what} on a Ray cluster, the one that RAY_ADDRESS names or all cores of this machine",
    )
    group.add_argument(
        "--processes", type=positive, metavar="N", help="of the Ray engine; default: one per GPU or core"
    )
    group.add_argument(
        "--attempts",
        type=positive,
        metavar="N",
        help="the Ray engine sets aside what fails so often, with the reason, in failed.csv; default: 3",
    )


def check_engine(given: argparse.Namespace) -> None:
    """Raise ConfigError for options that the chosen engine would ignore."""
    from stca.errors import ConfigError

    if given.engine == "ray":
        for option, default in _LOCAL.items():
            if getattr(given, option, default) != default:
                raise ConfigError(
                    f"--{option.replace('_', '-')} is not for the Ray engine", hint="leave it out"
                )
        return
    for option in ("processes", "attempts"):
        if getattr(given, option) is not None:
            raise ConfigError(f"--{option} is for the Ray engine", expected="--engine ray")


def track_on_cluster(given: argparse.Namespace, options: TrackOptions) -> tuple[list[VideoSummary], int]:
    """Track videos on Ray; returns the summaries and the number of failures."""
    from stca.errors import ConfigError
    from stca.scale.tracking import track_on_ray

    for option in ("draw", "zone"):
        if getattr(given, option):
            raise ConfigError(f"--{option} is not for the Ray engine", hint="use it afterwards")
    done, failed = track_on_ray(
        given.video,
        given.out,
        options,
        appearance=given.appearance,
        workers=given.processes,
        attempts=given.attempts or ATTEMPTS,
    )
    if failed:
        print(f"{len(failed)} failed, with reasons: {given.out / 'failed.csv'}", file=sys.stderr)
    return done, len(failed)


def embed_on_cluster(given: argparse.Namespace, roots: list[Path], out: Path) -> tuple[list[Path], int]:
    """Embed folders of tracks on Ray; returns the files of vectors and the number of failures."""
    from stca.scale.embedding import embed_on_ray

    done = embed_on_ray(
        roots,
        out,
        given.model,
        device=given.device,
        precision=given.precision,
        runtime=getattr(given, "runtime", "auto"),
        batch_size=given.batch_size,
        workers=given.processes,
        attempts=given.attempts or ATTEMPTS,
    )
    kept = f", {done.kept} embedded before" if done.kept else ""
    failed = f", {len(done.failed)} failed: {out / 'failed.csv'}" if done.failed else ""
    print(f"{done.tracklets} tracklets embedded{kept}{failed}; {len(done.files)} files of vectors in {out}")
    return list(done.files), len(done.failed)
