"""Evaluate linking on rendered scenes of four cameras and on PETS09-S2L1 (19 tracks of 10 people).

    python -m experiments.linking.study --shared ../shared --work runs/linking --models MODEL ...

Writes experiments/results/linking.md and the contact sheet of the scene next to it. The contact sheet of
PETS, whose footage is not part of the project, is written to `--work`, which also caches scenes, tracks and
embeddings.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
from experiments.linking.footage import (
    Footage,
    all_pairs,
    best,
    embed,
    footage_of,
    name_of,
    pairs,
    percent,
    sweep,
)
from experiments.linking.pets import load_pets, pets_part
from experiments.linking.truth_tracks import cut_tracks

from stca.boxes import MotRow, overlaps, read_mot
from stca.errors import GalleryError
from stca.gallery import calibrate, labelled
from stca.linking.constraints import read_travel
from stca.linking.contact_sheet import write_contact_sheets
from stca.linking.linking import Linking, link
from stca.linking.scores import corners, rows_by_frame, score_linking
from stca.tools.files import write_text
from stca.tools.provenance import provenance
from stca.tracks import TrackRecord
from stca.walkers import make_scene


def load_scene(root: Path, tracks: Path) -> Footage:
    """A rendered scene; tracks end where people leave the image."""
    cameras = sorted(path.name for path in root.glob("cam*"))
    if not tracks.exists():
        for camera in cameras:
            folder = root / camera
            cut_tracks(folder / f"{camera}.mp4", folder / "gt" / "gt.txt", tracks, camera=camera)
    truth = {camera: read_mot(root / camera / "gt" / "gt.txt").rows for camera in cameras}
    return footage_of(tracks, lambda track: track.person, truth, read_travel(root / "travel.csv"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True, help="the folder with video/pets_s2l1")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--tracked", type=Path, nargs=2, help="`stca track` of both scenes' videos")
    parser.add_argument(
        "--seeds",
        nargs=2,
        type=int,
        default=(0, 1),
        help="random seeds of the scene and of the calibration scene",
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results")
    args = parser.parse_args()
    started = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    scenes = []
    for seed in args.seeds:
        root = make_scene(args.work / f"scene{seed}", seed=seed)
        scenes.append(load_scene(root, args.work / f"tracks{seed}"))
    pets = load_pets(args.shared / "video" / "pets_s2l1", args.work / "pets")
    text = ["# Linking: tracklets become persons\n", *_scene_part(args, *scenes)]
    text += _tracked_part(args, *scenes) if args.tracked else []
    text += pets_part(args, pets)
    facts = provenance()
    text += [
        f"`python -m experiments.linking.study {facts.pop('command').partition(' ')[2]}`\n",
        " ".join(f"{name}: {value}." for name, value in facts.items())
        + f" Took {(time.monotonic() - started) / 60:.0f} min (what was there was not made again).",
    ]
    write_text(args.out / "linking.md", "\n".join(text) + "\n")
    print("\n".join(text))


def _scene_part(args: argparse.Namespace, scene: Footage, other: Footage) -> list[str]:
    people = len(set(scene.person.values()))
    lines = [
        f"## A rendered scene: 4 cameras, {people} people, {len(scene.records)} tracklets\n",
        "`stca data make-scene` (seed {}): 60 s at 12.5 frames a second, travel times as the scene gives "
        "them. Tracks are the ground truth's boxes, cut wherever somebody leaves the picture for more than a "
        "second; so all that is lost or won is identity. Thresholds come from another scene (seed {}): for "
        "a false-accept rate of 1 % per search (as `stca calibrate --across` with labels), or the one with "
        "the best F1 over pairs there. IDF1 and HOTA are TrackEval's over all four cameras together, "
        "percent; there is none where one id is twice in a frame.\n".format(*args.seeds),
        "| vectors | threshold | persons | wrong pairs | missed pairs | IDF1 | HOTA |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    before = score_linking(scene.unlinked(), scene.truth)
    lines.append(
        f"| before linking | | {before.ids} | 0 | {all_pairs(scene)} | {percent(before.idf1)} "
        f"| {percent(before.hota)} |"
    )
    for number, model in enumerate(args.models):
        vectors = embed(model, scene, args.work / "vectors" / "scene")
        theirs = embed(model, other, args.work / "vectors" / "other")
        strict, fitting = calibrated(other, theirs), best(other, sweep(other, theirs))
        for threshold, footage, words in (
            (strict, scene, "FAR 1 % on the other scene"),
            (fitting, scene, "best on the other scene"),
            (fitting, dataclasses.replace(scene, travel=None), "the same, no travel times"),
            (fitting, without_times(scene), "the same, no times at all"),
        ):
            linking = link(footage.records, vectors, threshold=threshold, travel=footage.travel)
            lines.append(_scene_row(scene, linking, name_of(model), f"{threshold:.2f}, {words}"))
        if number == 0:
            linking = link(scene.records, vectors, threshold=strict, travel=scene.travel)
            sheets = write_contact_sheets(linking, args.work / "sheet")
            (args.out / "linking_scene.png").write_bytes(sheets[0].read_bytes())
    return [*lines, ""]


def _scene_row(scene: Footage, linking: Linking, *names: str) -> str:
    wrong, missed = pairs(scene, linking)
    cells = [*names, len(linking.persons), len(wrong), len(missed)]
    try:
        scores = score_linking(linking, scene.truth)
        cells += [percent(scores.idf1), percent(scores.hota)]
    except GalleryError:  # a person twice in one frame: not valid tracks
        cells += ["-", "-"]
    return f"| {' | '.join(map(str, cells))} |"


def _tracked_part(args: argparse.Namespace, *scenes: Footage) -> list[str]:
    """The same scenes, tracked by `stca track` with motion detection."""
    scene, other = (
        footage_of(root, _person_by_overlap(footage), footage.truth, footage.travel)
        for root, footage in zip(args.tracked, scenes, strict=True)
    )
    lines = [
        f"## The same scene, tracked by `stca track` (motion detector): {len(scene.records)} tracklets\n",
        "`stca track cam1.mp4 cam2.mp4 cam3.mp4 cam4.mp4 --out TRACKS`. Errors of detection and tracking "
        "come before linking. Threshold: best on the other scene, tracked likewise. Wrong and missed pairs "
        "go by the person whose boxes a tracklet has most.\n",
        "| vectors | threshold | persons | wrong pairs | missed pairs | IDF1 | HOTA |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    before = score_linking(scene.unlinked(), scene.truth)
    lines.append(
        f"| before linking | | {before.ids} | 0 | {all_pairs(scene)} | {percent(before.idf1)} "
        f"| {percent(before.hota)} |"
    )
    for model in args.models:
        vectors = embed(model, scene, args.work / "vectors" / "scene tracked")
        theirs = embed(model, other, args.work / "vectors" / "other tracked")
        threshold = best(other, sweep(other, theirs))
        linking = link(scene.records, vectors, threshold=threshold, travel=scene.travel)
        lines.append(_scene_row(scene, linking, name_of(model), f"{threshold:.2f}"))
    return [*lines, ""]


def _person_by_overlap(footage: Footage) -> Callable[[TrackRecord], int]:
    """Map a track to the person it overlaps (IoU 0.5) in most frames, else to an id of its own."""
    boxes = {camera: rows_by_frame(rows) for camera, rows in footage.truth.items()}
    unmatched = count(10_000)

    def who(track: TrackRecord) -> int:
        votes: Counter[int] = Counter()
        for frame in track.frames:
            true = boxes[track.camera].get(frame.frame, [])
            found = overlaps(corners(true), corners([MotRow(frame.frame, 0, *frame.box)]))[:, 0]
            votes.update(row.track for row, overlap in zip(true, found, strict=True) if overlap >= 0.5)
        return votes.most_common(1)[0][0] if votes else next(unmatched)

    return who


def calibrated(footage: Footage, vectors: np.ndarray) -> float:
    """The threshold for a false-accept rate of 1 % per search."""
    records = [dataclasses.replace(r, label=footage.person[r.key]) for r in footage.records]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return calibrate(labelled(records, unit.astype(np.float32)), far=0.01, across=True)[0].threshold


def without_times(footage: Footage) -> Footage:
    """The same footage without times, so that no pair of tracklets is excluded."""
    records = [dataclasses.replace(record, first=None, last=None) for record in footage.records]
    return dataclasses.replace(footage, records=records, travel=None)


if __name__ == "__main__":
    main()
