"""What each stage from raw video to persons loses, on a rendered scene of four cameras.

    python -m experiments.linking.stages --work runs/stages --models pretrained NET.xml --detectors motion

Tracks every camera with each detector, cut by colours and by each network, and links the tracklets with
that network. Writes experiments/results/linking_stages.md; `--work` keeps scene, tracks and vectors.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import count
from pathlib import Path

from experiments.linking.footage import Footage, embed, footage_of, name_of, percent
from experiments.linking.study import load_scene
from scipy.optimize import linear_sum_assignment

from stca.boxes import MotRow, overlaps
from stca.gallery import ModelFingerprint
from stca.linking.camera_shift import without_camera_shift
from stca.linking.linking import Linking, link
from stca.linking.scores import LinkScores, corners, rows_by_frame, score_links
from stca.linking.threshold import default_threshold
from stca.linking.tracks import mot_rows
from stca.runs import open_model
from stca.runs.gallery_model import open_encoder
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line
from stca.tracking import TrackOptions, track_whole
from stca.walkers import make_scene

Rows = dict[str, list[MotRow]]
OUT = Path(__file__).parents[1] / "results" / "linking_stages.md"
_HEAD = (
    "| detector | network | tracks cut by | tracklets | purity | true ids | tracking | linking | persons "
    "| HOTA |",
    "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["pretrained"])
    parser.add_argument("--detectors", nargs="+", default=["motion"])
    parser.add_argument("--seed", type=int, default=0, help="of the scene")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    started = time.monotonic()
    root = args.work / f"scene{args.seed}"
    if not root.exists():
        make_scene(root, seed=args.seed)
    scene = load_scene(root, args.work / f"truth{args.seed}")
    lines = [_introduction(scene, args.seed), *_truth_part(scene, args), "", *_HEAD]
    for detector in args.detectors:
        for model in args.models:
            for by in ("colours", "network"):
                lines.append(_row(scene, root, args, detector, model, by))
                print(lines[-1], flush=True)
    words = ["--work runs/stages", f"--seed {args.seed}"]
    words += ["--models", *map(_short, args.models), "--detectors", *map(_short, args.detectors)]
    took = (time.monotonic() - started) / 60
    lines += [
        "",
        f"`python -m experiments.linking.stages {' '.join(words)}`",
        "",
        f"{provenance_line()} Took {took:.0f} min (what was there was not made again).",
    ]
    write_text(args.out, "\n".join(lines) + "\n")


def _introduction(scene: Footage, seed: int) -> str:
    people = len({row.track for rows in scene.truth.values() for row in rows})
    return f"""# From raw video to persons: what each stage loses

`stca data make-scene` (seed {seed}): 4 cameras, {people} people, 60 s. IDF1 of TrackEval over all four
cameras together, percent, with the rows of tracks.txt: 100 would be every box of the ground truth under one
id per person. Settings were chosen on scenes of seeds 1 and 2.

- **true ids**: every box of the tracks with the id of the person it overlaps (IoU 0.5). What is missing to
  100 was lost by the detector.
- **tracking**: every tracklet with the id of the person whose boxes it has most. What is missing to the
  column before was lost where tracks change their person.
- **linking**: tracklets linked by the network, as `stca link --travel` does without a threshold
  (`default_threshold`).
- **purity**: share of the boxes on a person that are of the tracklet's main person.
"""


def _truth_part(scene: Footage, args: argparse.Namespace) -> list[str]:
    """Linking alone: tracklets of the ground truth's boxes."""
    words = []
    for model in args.models:
        linking, threshold = _linked(model, scene, args.work / "vectors" / f"truth{args.seed}")
        score = score_links(scene.truth, mot_rows(linking))
        persons = len(linking.persons)
        words.append(
            f"{percent(score.idf1)} with {name_of(model)} ({persons} persons, from {threshold:.2f} on)"
        )
    return [f"Tracklets of the ground truth ({len(scene.records)}), linked: {'; '.join(words)}."]


def _row(scene: Footage, root: Path, args: argparse.Namespace, detector: str, model: str, by: str) -> str:
    network = model if by == "network" else None
    name = f"{name_of(detector)}-{name_of(network) if network else 'colours'}-{args.seed}"
    _track(root, args.work / name, detector, network)
    footage = footage_of(args.work / name, lambda record: 0, scene.truth, scene.travel)
    tracks = mot_rows(footage.unlinked())
    people = true_people(tracks, scene.truth)
    main_person = majority(tracks, people)
    linking, _ = _linked(model, footage, args.work / "vectors" / name)
    scores = [
        score_links(scene.truth, renumbered(tracks, people)),
        score_links(scene.truth, renumbered(tracks, {key: main_person[key[2]] for key in people})),
        score_links(scene.truth, mot_rows(linking)),
    ]
    return _cells(name_of(detector), name_of(model), by, footage, purity(people), scores, linking)


def _cells(
    detector: str,
    model: str,
    by: str,
    footage: Footage,
    pure: float,
    scores: Sequence[LinkScores],
    linking: Linking,
) -> str:
    cells = [detector, model, by, len(footage.records), percent(pure), *(percent(s.idf1) for s in scores)]
    return f"| {' | '.join(map(str, [*cells, len(linking.persons), percent(scores[-1].hota)]))} |"


def _track(root: Path, out: Path, detector: str, network: str | None) -> None:
    """All cameras of the scene; finished ones are kept."""
    with open_encoder(open_model(network)) if network else nullcontext() as encoder:
        for video in sorted(root.glob("cam*/cam*.mp4")):
            track_whole(video, out, TrackOptions(detector=detector), encoder=encoder)


def _linked(model: str, footage: Footage, cache: Path) -> tuple[Linking, float]:
    cache.mkdir(parents=True, exist_ok=True)
    vectors = embed(model, footage, cache)
    fingerprint = ModelFingerprint.of(open_model(model))
    found = default_threshold(footage.records, vectors, fingerprint, source=name_of(model))
    if found is None:
        raise SystemExit("nothing says from which score on it is one person")
    threshold, _ = found
    shifted = without_camera_shift([record.camera for record in footage.records], vectors)
    return link(footage.records, shifted, threshold=threshold, travel=footage.travel), threshold


Box = tuple[str, int, int]
"""Camera, frame and track of a box."""


def true_people(
    tracks: Mapping[str, Sequence[MotRow]], truth: Mapping[str, Sequence[MotRow]]
) -> dict[Box, int]:
    """The person of every box by the best assignment of each frame at IoU 0.5; 0: nobody."""
    found = {}
    for camera, rows in tracks.items():
        true = rows_by_frame([row for row in truth[camera] if row.confidence > 0])
        for frame, mine in rows_by_frame(rows).items():
            found |= {(camera, frame, row.track): 0 for row in mine}
            shared = overlaps(corners(true.get(frame, [])), corners(mine))
            for person, box in zip(*linear_sum_assignment(-shared * (shared >= 0.5)), strict=True):
                if shared[person, box] >= 0.5:
                    found[camera, frame, mine[box].track] = true[frame][person].track
    return found


def majority(tracks: Mapping[str, Sequence[MotRow]], people: Mapping[Box, int]) -> dict[int, int]:
    """The person whose boxes each track has most; 0 where it has none."""
    votes: dict[int, Counter[int]] = {row.track: Counter() for rows in tracks.values() for row in rows}
    for (_, _, track), person in people.items():
        votes[track].update([person] if person else [])
    return {track: counts.most_common(1)[0][0] if counts else 0 for track, counts in votes.items()}


def purity(people: Mapping[Box, int]) -> float:
    """The share of the boxes on a person that are of their track's main person."""
    votes: dict[int, Counter[int]] = {}
    for (_, _, track), person in people.items():
        votes.setdefault(track, Counter()).update([person] if person else [])
    return sum(max(c.values(), default=0) for c in votes.values()) / sum(map(Counter.total, votes.values()))


def renumbered(tracks: Mapping[str, Sequence[MotRow]], ids: Mapping[Box, int]) -> Rows:
    """Boxes with these ids; one of nobody, or of somebody twice in a frame, has an id of its own."""
    fresh = count(1_000_000)
    rows: Rows = {}
    for camera, boxes in tracks.items():
        used: set[tuple[int, int]] = set()
        for row in boxes:
            new = ids[camera, row.frame, row.track]
            new = next(fresh) if not new or (row.frame, new) in used else new
            used.add((row.frame, new))
            rows.setdefault(camera, []).append(dataclasses.replace(row, track=new))
    return rows


def _short(name: str) -> str:
    """A file by its place below the folder of shared material."""
    parts = Path(name).parts
    return "/".join(["../shared", *parts[parts.index("weights") :]]) if "weights" in parts else name


if __name__ == "__main__":
    main()
