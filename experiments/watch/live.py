"""Play a rendered scene as live cameras: how soon people are said, how often revised, and IDF1 beside `link`.

    python -m experiments.watch.live --work runs/watch --cameras 4 --people 30 --seconds 120

The scene has one id per person over all cameras. The ids of `stca watch` are those that it left in its
gallery; `link` groups the same tracklets afterwards, with the same threshold and travel times. Then the
gallery is compared with those that `stca track` and `stca gallery add` make (`file_by_file`).
`--play` only plays, which must have the machine for itself; `--report` only reports on what was played.
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
from experiments.watch.file_by_file import beside, compare

from stca.gallery import Gallery, ModelFingerprint
from stca.gallery.cross_camera import calibrate_across
from stca.linking.constraints import read_travel
from stca.linking.linking import Linking, by_time, find_persons
from stca.linking.scores import read_truth, score_linking, unlinked
from stca.runs import open_model
from stca.tools.provenance import provenance_line
from stca.walkers import make_scene
from stca.watch.thresholds import LEAST_ROWS


def write_settings(given: argparse.Namespace, scene: Path, out: Path, threshold: float | None) -> Path:
    lines = ["[watch]", f'out = "{out.absolute()}"', f'model = "{given.model}"']
    lines += [f'detector = "{given.detector}"', f"every = {given.every}"]
    lines += [] if threshold is None else [f"threshold = {threshold}"]
    names = set()
    for video in videos_of(scene, given.cameras):
        names.add(video.parent.name)
        lines += ["[[camera]]", f'name = "{video.parent.name}"', f'source = "{video}"', "as_live = true"]
    if (scene / "travel.csv").is_file():
        for (first, second), seconds in read_travel(scene / "travel.csv").items():
            if {first, second} <= names:
                lines += ["[[travel]]", f'from = "{first}"', f'to = "{second}"', f"seconds = {seconds}"]
    path = beside(out, ".toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def videos_of(scene: Path, cameras: int) -> list[Path]:
    """Of the first so many cameras."""
    return sorted(scene.absolute().glob("cam*/*.mp4"))[:cameras]


def public_threshold(model: str, known_as: str) -> float:
    """The threshold that a network of the catalogue has, for one that is opened from a file."""
    fingerprint = ModelFingerprint.of(open_model(model))
    found = calibrate_across(fingerprint, far=0.01, rows=LEAST_ROWS, source=known_as)
    if found is None:
        raise SystemExit(f"the package has no scores of {known_as}")
    return found.threshold


def play(settings: Path, log: Path) -> None:
    """Watch until all files are over; what is said on stderr goes to `log`."""
    files = [settings, settings.with_suffix(".jsonl"), settings.with_suffix(".told.json")]
    with log.open("w") as said:
        command = [sys.executable, "-m", "experiments.watch.timed", *map(str, files)]
        done = subprocess.run(command, stderr=said, check=False)
    if done.returncode:
        raise SystemExit(log.read_text()[-2000:])


def delays(events: list[dict]) -> np.ndarray:
    """Seconds from a tracklet's first box to its being said."""
    seen = [each for each in events if each["kind"] == "seen"]
    moments = [[datetime.fromisoformat(each[name]).timestamp() for name in ("time", "said")] for each in seen]
    return np.array([said - time for time, said in moments])


def stages(out: Path) -> str:
    """What the seconds until the event are made of."""
    first = json.loads(beside(out, ".told.json").read_text()).values()
    told, lag = (np.array([each[name] for each in first]) for name in ("told", "lag"))
    return (
        f"of these, until the camera's process tells: median {np.median(told):.2f} s, 95 % "
        f"{np.percentile(told, 95):.2f} s (frames are {np.median(lag):.2f} s, 95 % "
        f"{np.percentile(lag, 95):.2f} s old then)"
    )


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


def report(scene: Path, out: Path, threshold: float, every: int) -> str:
    """Delays, revisions and scores of what was played; scores over every `every`-th frame."""
    events = [json.loads(line) for line in beside(out, ".jsonl").read_text().splitlines()]
    seconds, kinds = delays(events), Counter(each["kind"] for each in events)
    travel = read_travel(scene / "travel.csv") if (scene / "travel.csv").is_file() else None
    with Gallery.open(out / "gallery") as gallery:
        live = online(gallery, threshold)
        offline = find_persons(gallery, threshold=threshold, travel=travel)
    cameras = {record.camera for group in live.persons for record in group}
    truth = {
        camera: tuple(row for row in rows if (row.frame - 1) % every == 0)
        for camera, rows in read_truth(scene).items()
        if camera in cameras
    }
    either, other = disagreement(live, offline)
    lines = [f"events: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"]
    lines.append(
        f"from the first box to the event: median {np.median(seconds):.2f} s, "
        f"95 % {np.percentile(seconds, 95):.2f} s, most {seconds.max():.2f} s ({len(seconds)} tracklets)"
    )
    lines.append(stages(out))
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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("runs/watch"))
    parser.add_argument("--scene", type=Path, help="a scene of `stca data make-scene`; default: rendered")
    parser.add_argument("--cameras", type=int, default=4, help="the first so many of a scene")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--detector", default="motion")
    parser.add_argument("--every", type=int, default=1, help="look at every N-th frame only")
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--known-as", metavar="NETWORK", help="of the catalogue: whose threshold is taken")
    parser.add_argument("--threshold", type=float)
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--play", action="store_true", help="do not report")
    parts.add_argument("--report", action="store_true", help="on what was played before")
    return parser.parse_args()


def run_name(given: argparse.Namespace) -> str:
    """Of a run's folder; names of files keep their endings, which may be all that differs."""
    return f"{Path(given.model).name}-{Path(given.detector).name}-{given.cameras}x-every{given.every}"


def main() -> None:
    given = arguments()
    scene = given.scene or given.work / "scene"
    if not scene.exists():
        make_scene(scene, cameras=given.cameras, persons=given.people, seconds=given.seconds, seed=0)
    out, threshold = given.work / run_name(given), given.threshold
    log = beside(out, ".log")
    if not given.report:
        if given.known_as and threshold is None:
            threshold = public_threshold(given.model, given.known_as)
        play(write_settings(given, scene, out, threshold), log)
    if given.play:
        return
    words = log.read_text()
    said = next(line for line in words.splitlines() if line.startswith("threshold "))
    print(report(scene, out, float(said.split()[1]), given.every))
    videos = videos_of(scene, given.cameras)
    print(compare(videos, out, detector=given.detector, every=given.every, model=given.model))


if __name__ == "__main__":
    main()
