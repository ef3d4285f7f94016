"""Play a rendered scene as live cameras: how soon people are said, how often revised, and IDF1 beside `link`.

    python -m experiments.watch.live --work runs/watch --cameras 4 --people 30 --seconds 120

The scene has one id per person over all cameras. The ids of `stca watch` are those that it left in its
gallery; `link` groups the same tracklets afterwards, with the same threshold and travel times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np

from stca.gallery import Gallery
from stca.linking.constraints import read_travel
from stca.linking.linking import Linking, by_time, find_persons
from stca.linking.scores import read_truth, score_linking, unlinked
from stca.tools.provenance import provenance_line
from stca.walkers import make_scene


def write_settings(scene: Path, out: Path, *, detector: str, model: str, threshold: float | None) -> Path:
    lines = ["[watch]", f'out = "{out.absolute()}"', f'model = "{model}"', f'detector = "{detector}"']
    lines += [] if threshold is None else [f"threshold = {threshold}"]
    for video in sorted(scene.absolute().glob("cam*/*.mp4")):
        lines += ["[[camera]]", f'name = "{video.parent.name}"', f'source = "{video}"', "as_live = true"]
    if (scene / "travel.csv").is_file():
        for (first, second), seconds in read_travel(scene / "travel.csv").items():
            lines += ["[[travel]]", f'from = "{first}"', f'to = "{second}"', f"seconds = {seconds}"]
    path = out.with_suffix(".toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def delays(events: list[dict]) -> np.ndarray:
    """Seconds from a tracklet's first box to its being said."""
    seen = [each for each in events if each["kind"] == "seen"]
    moments = [[datetime.fromisoformat(each[name]).timestamp() for name in ("time", "said")] for each in seen]
    return np.array([said - time for time, said in moments])


def online(gallery: Gallery, threshold: float) -> Linking:
    """The persons that the watching left."""
    groups: dict[int, list] = {}
    for record in sorted(gallery.records(), key=by_time):
        groups.setdefault(record.person or 0, []).append(record)
    return Linking(tuple(map(tuple, groups.values())), threshold)


def disagreement(first: Linking, second: Linking) -> tuple[int, int]:
    """Pairs of tracklets that one of two linkings joins, and of these, pairs that the other does not join."""
    a, b = first.numbers(), second.numbers()
    keys = sorted(a)
    pairs = [(x, y) for i, x in enumerate(keys) for y in keys[i + 1 :]]
    joined = [(a[x] == a[y], b[x] == b[y]) for x, y in pairs]
    return sum(p or q for p, q in joined), sum(p != q for p, q in joined)


def report(scene: Path, out: Path, threshold: float) -> str:
    events = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    seconds, kinds = delays(events), Counter(each["kind"] for each in events)
    travel = read_travel(scene / "travel.csv") if (scene / "travel.csv").is_file() else None
    truth = read_truth(scene)
    with Gallery.open(out / "gallery") as gallery:
        live = online(gallery, threshold)
        offline = find_persons(gallery, threshold=threshold, travel=travel)
    either, other = disagreement(live, offline)
    lines = [f"events: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"]
    lines.append(
        f"from the first box to the event: median {np.median(seconds):.2f} s, "
        f"95 % {np.percentile(seconds, 95):.2f} s ({len(seconds)} tracklets)"
    )
    persons = len(live.persons)
    lines.append(
        f"revisions: {kinds['revised']} over {persons} persons ({kinds['revised'] / persons:.2f} each)"
    )
    lines.append(f"pairs of tracklets joined by either: {either}, of which the other does not join {other}")
    for name, linking in (("single cameras", unlinked(live)), ("watch", live), ("link", offline)):
        scores = score_linking(linking, truth)
        lines.append(
            f"{name:<16}{scores.ids:>4} ids  IDF1 {100 * scores.idf1:5.1f}  HOTA {100 * scores.hota:5.1f}"
        )
    lines.append(f"the scene has {score_linking(live, truth).truth_ids} persons; threshold {threshold:.3f}")
    frames = {
        path.parent.name: json.loads(path.read_text())["frames"]
        for path in sorted((out / "tracks").glob("*/video.json"))
    }
    return "\n".join([*lines, f"frames looked at: {frames}", provenance_line()])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("runs/watch"))
    parser.add_argument("--scene", type=Path, help="a scene of `stca data make-scene`; default: rendered")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--detector", default="motion")
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--threshold", type=float)
    given = parser.parse_args()
    scene = given.scene or given.work / "scene"
    if not scene.exists():
        make_scene(scene, cameras=given.cameras, persons=given.people, seconds=given.seconds, seed=0)
    out = given.work / f"{Path(given.model).stem}-{Path(given.detector).stem}"
    settings = write_settings(
        scene, out, detector=given.detector, model=given.model, threshold=given.threshold
    )
    command = ["watch", str(settings), "--events", str(out.with_suffix(".jsonl"))]
    done = subprocess.run(
        [sys.executable, "-m", "stca", *command], stderr=subprocess.PIPE, text=True, check=False
    )
    print(done.stderr, file=sys.stderr)
    if done.returncode:
        raise SystemExit(done.returncode)
    said = next(line for line in done.stderr.splitlines() if line.startswith("threshold "))
    print(report(scene, out, float(said.split()[1])))


if __name__ == "__main__":
    main()
