"""What a plan says of rendered videos, beside what they then cost.

    stca plan --measure --footage scenes/s1/cam[1-4]/*.mp4 --out plan.toml
    python -m experiments.scale.plan_check --measured plan.toml --videos scenes/s2 scenes/s3 ...

The videos that are checked must be others than those that were measured. Costs are processor time in one
process; importing and opening networks, which many hours of video pay once, are left out on both sides.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from stca.gallery import add_tracklets
from stca.runs.gallery_model import open_gallery
from stca.scale.planning.costs import UnitCosts
from stca.scale.planning.measure import processor_time
from stca.scale.planning.plan import Workload, number, plan
from stca.scale.tracking import hours_of
from stca.tools.files import write_text
from stca.tools.progress import progress
from stca.tools.provenance import provenance
from stca.tracking import TrackOptions, track_whole
from stca.tracks import find_tracklets

PAGE = Path(__file__).parent.parent / "results" / "plan_check.md"


OPTIONS = TrackOptions(detector="motion", start=0.0)
"""The plan's figures are of this detector."""


def spent(videos: list[Path], folder: Path) -> tuple[float, dict[str, float]]:
    """Hours of video, and what the plan has figures for, measured."""
    track_whole(videos[0], folder / "first", OPTIONS)
    with processor_time() as tracking:
        done = [
            track_whole(video, folder / "tracks", OPTIONS, folder_name=f"cam{number}")
            for number, video in enumerate(progress(videos, label="track"))
        ]
    hours = sum(hours_of(each.folder) for each in done)
    tracklets = find_tracklets(folder / "tracks")
    size = sum(p.stat().st_size for p in (folder / "tracks").rglob("*") if p.is_file())
    gallery, model = open_gallery(folder / "gallery", "pretrained")
    with gallery:
        add_tracklets(gallery, model, tracklets[:4], device="cpu", workers=0)
        with processor_time() as embedding:
            add_tracklets(gallery, model, tracklets, device="cpu", workers=0)
    return hours, {
        "tracking a day": tracking.seconds / 3600,
        "tracklets a day": float(len(tracklets)),
        "embedding a day": embedding.seconds / 3600 * len(tracklets) / (len(tracklets) - 4),
        "crops on disk": size / 1e9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--measured", type=Path, required=True)
    parser.add_argument("--videos", type=Path, nargs="+", required=True, help="folders with videos in them")
    args = parser.parse_args()
    videos = sorted(video for place in args.videos for video in place.rglob("*.mp4"))
    costs = UnitCosts.load(args.measured)
    with tempfile.TemporaryDirectory() as folder:
        hours, found = spent(videos, Path(folder))
    # One camera that films so many hours in a day is the same work.
    said = {each.name: each for each in plan(Workload(cameras=1, days=1, hours=hours), costs)}
    rows = []
    for name, value in found.items():
        unit, planned = said[name].unit, said[name].value
        scale, unit = {"core hours": (3600, "core s"), "GB": (1000, "MB")}.get(unit, (1, unit))
        cells = (f"{number(planned * scale)} {unit}", f"{number(value * scale)} {unit}")
        rows.append(
            f"| {name.removesuffix(' a day')} | {' | '.join(cells)} | {100 * (planned / value - 1):+.0f} % |"
        )
    count = found["tracklets a day"]
    each = (
        ("embedding one tracklet, core s", costs.embed_core_seconds, 3600 * found["embedding a day"] / count),
        ("crops of one tracklet, kB", costs.crop_bytes / 1e3, 1e6 * found["crops on disk"] / count),
    )
    rows += [f"| {name} | {number(a)} | {number(b)} | {100 * (a / b - 1):+.0f} % |" for name, a, b in each]
    facts = "\n".join(f"- {key}: {value}" for key, value in provenance().items())
    write_text(
        PAGE,
        f"""# A plan beside what it was for

{facts}
- load: {os.getloadavg()[0]:.1f} running processes
- unit costs: {costs.machine}

{len(videos)} rendered videos, {hours * 60:.1f} minutes in all, detector {costs.tracking[0].detector}, model
{costs.model}; unit costs were measured on other videos of the same kind ({costs.footage}).

| | planned | measured | difference |
|---|---:|---:|---:|
"""
        + "\n".join(rows)
        + "\n",
    )
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
