"""Linking measured: rendered scenes of four cameras, and the 19 tracks of PETS09-S2L1, which are 10 people.

    python experiments/link_study.py --shared ../shared --work runs/linking --models MODEL ...

Writes experiments/results/linking.md and the scene's contact sheet beside it; that of PETS, whose footage is
not part of the project, to `--work`. What is in `--work` (scenes, tracks, vectors) is not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, count
from pathlib import Path

import numpy as np
from score_links import LinkScores, apart, by_frame, overlaps, score_links
from truth_tracks import cut_tracks

from stca.boxes import MotRow, read_mot
from stca.datasets.walkers import make_scene
from stca.embedding import embed_tracklets
from stca.files import write_text
from stca.gallery import Record, calibrate, labelled, record_of
from stca.gallery.constraints import Travel, read_travel
from stca.gallery.contact_sheet import write_contact_sheets
from stca.gallery.link_outputs import write_tracks
from stca.gallery.linking import Linking, link
from stca.provenance import provenance
from stca.runs import open_model
from stca.tracklets import Embeddings, Tracklet
from stca.tracks import TrackRecord, find_tracklets

FRAMES = 12  # of a tracklet are embedded, evenly spread
THRESHOLDS = np.round(np.arange(0.20, 0.991, 0.01), 2)

# Who is who among the tracks of PETS, by eye: the crops of all 19 were looked at, twelve of each.
PETS = {
    "brown leather jacket, black shirt, blue jeans": (9, 5),
    "leather jacket with grey shoulders, black trousers, glasses, white paper in the hand": (15, 14, 18, 8),
    "long black coat, black trousers": (19, 1),
    "quilted jacket, red above and blue below, white shoes": (11, 3),
    "woman with fair curls, black coat, jeans": (12, 4),
    "bald, short black jacket, blue jeans": (13, 2),
    "light blue hooded coat, white hat, bag": (16,),
    "striped dark pullover, light jeans": (17,),
    "woman with long dark hair, red jacket": (10, 6),
    "elderly man, blue anorak, grey trousers": (7,),
}
PETS_PERSON = {track: person for person, tracks in enumerate(PETS.values(), start=1) for track in tracks}


@dataclasses.dataclass(frozen=True)
class Footage:
    """Tracklets whose persons are known, and the boxes they came from."""

    records: list[Record]
    frames: list[tuple[Path, ...]]
    person: dict[str, int]
    truth: Mapping[str, Sequence[MotRow]]
    travel: Travel | None


def load_scene(root: Path, tracks: Path) -> Footage:
    """A rendered scene, cut where people leave the picture."""
    cameras = sorted(path.name for path in root.glob("cam*"))
    if not tracks.exists():
        for camera in cameras:
            folder = root / camera
            cut_tracks(folder / f"{camera}.mp4", folder / "gt" / "gt.txt", tracks, camera=camera)
    truth = {camera: read_mot(root / camera / "gt" / "gt.txt").rows for camera in cameras}
    return _footage(tracks, lambda track: track.person, truth, read_travel(root / "travel.csv"))


def load_pets(folder: Path, tracks: Path) -> Footage:
    """PETS, one tracklet per track of the ground truth, with the persons established by eye."""
    if not tracks.exists():
        cut_tracks(folder / "vtest.avi", folder / "gt.txt", tracks, camera="pets", split=False)
    truth = {
        "pets": [
            dataclasses.replace(row, track=PETS_PERSON[row.track])
            for row in read_mot(folder / "gt.txt").rows
            if row.confidence > 0
        ]
    }
    return _footage(tracks, lambda track: PETS_PERSON[track.person], truth, None)


def _footage(
    tracks: Path, person_of: Callable[[TrackRecord], int], truth: Mapping, travel: Travel | None
) -> Footage:
    found = find_tracklets(tracks)
    persons = {t.key: person_of(t.record) for t in found}
    records = [dataclasses.replace(record_of(t), person=None, label=None) for t in found]
    frames = [t.frames for t in found]
    return Footage(records, frames, persons, truth, travel)


def embed(model: str, footage: Footage, cache: Path) -> np.ndarray:
    """One vector per tracklet, of `FRAMES` of its crops."""
    path = cache / f"{_name(model)}-{FRAMES}.npz"
    if path.exists():
        return Embeddings.load(path).vectors
    tracklets = []
    for record, frames in zip(footage.records, footage.frames, strict=True):
        chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
        tracklets.append(Tracklet(tuple(frames[i] for i in chosen), 1, 1, record.key))
    vectors = embed_tracklets(open_model(model), tracklets, workers=0, label=Path(model).name)
    vectors.save(path)
    return vectors.vectors


def pairs(footage: Footage, linking: Linking) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs of tracklets that were wrongly made one person, and pairs that were not made one."""
    given, wrong, missed = linking.numbers(), [], []
    for a, b in combinations(sorted(given), 2):
        together, same = given[a] == given[b], footage.person[a] == footage.person[b]
        if together and not same:
            wrong.append((a, b))
        elif same and not together:
            missed.append((a, b))
    return wrong, missed


def f1(footage: Footage, linking: Linking) -> float:
    """Of pairs of tracklets that are one person: harmonic mean of precision and recall."""
    wrong, missed = pairs(footage, linking)
    groups = [len(group) for group in linking.persons]
    right = sum(n * (n - 1) // 2 for n in groups) - len(wrong)
    return 2 * right / max(1, 2 * right + len(wrong) + len(missed))


def sweep(footage: Footage, vectors: np.ndarray) -> list[Linking]:
    return [link(footage.records, vectors, threshold=float(t), travel=footage.travel) for t in THRESHOLDS]


def best(footage: Footage, linkings: Sequence[Linking]) -> float:
    """The middle of the thresholds with the best F1 over pairs."""
    values = np.array([f1(footage, linking) for linking in linkings])
    return float(np.median(THRESHOLDS[values >= values.max() - 1e-9]))


def at(linkings: Sequence[Linking], threshold: float) -> Linking:
    return linkings[int(np.abs(THRESHOLDS - threshold).argmin())]


def scored(footage: Footage, linking: Linking, out: Path) -> LinkScores:
    """IDF1 and HOTA of the boxes of the tracklets, with the persons of a linking for ids."""
    shutil.rmtree(out, ignore_errors=True)
    return score_links(footage.truth, {path.stem: read_mot(path).rows for path in write_tracks(linking, out)})


def scored_before(footage: Footage, out: Path) -> LinkScores:
    """The same with an id of its own for every tracklet."""
    alone = Linking(tuple((record,) for record in footage.records), 1.0)
    shutil.rmtree(out, ignore_errors=True)
    rows = {path.stem: read_mot(path).rows for path in write_tracks(alone, out)}
    return score_links(footage.truth, apart(rows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True, help="the folder with video/pets_s2l1")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--tracked", type=Path, nargs=2, help="`stca track` of both scenes' videos")
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, 1), help="of the scene, of the other one")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    started = time.monotonic()
    given.out.mkdir(parents=True, exist_ok=True)
    scenes = []
    for seed in given.seeds:
        root = make_scene(given.work / f"scene{seed}", seed=seed)
        scenes.append(load_scene(root, given.work / f"tracks{seed}"))
    pets = load_pets(given.shared / "video" / "pets_s2l1", given.work / "pets")
    text = ["# Linking: tracklets become persons\n", *_scene_part(given, *scenes)]
    text += _tracked_part(given, *scenes) if given.tracked else []
    text += _pets_part(given, pets)
    facts = provenance()
    text += [
        f"`python experiments/{facts.pop('command')}`\n",
        " ".join(f"{name}: {value}." for name, value in facts.items())
        + f" Took {(time.monotonic() - started) / 60:.0f} min (what was there was not made again).",
    ]
    write_text(given.out / "linking.md", "\n".join(text) + "\n")
    print("\n".join(text))


def _scene_part(given: argparse.Namespace, scene: Footage, other: Footage) -> list[str]:
    people = len(set(scene.person.values()))
    lines = [
        f"## A rendered scene: 4 cameras, {people} people, {len(scene.records)} tracklets\n",
        "`stca data make-scene` (seed {}): 60 s at 12.5 frames a second, travel times as the scene gives "
        "them. Tracks are the ground truth's boxes, cut wherever somebody leaves the picture for more than a "
        "second; so all that is lost or won is identity. Thresholds come from another scene (seed {}): for "
        "a false-accept rate of 1 % per search (as `stca calibrate --across` with labels), or the one with "
        "the best F1 over pairs there. IDF1 and HOTA are TrackEval's over all four cameras together, "
        "percent; there is none where one id is twice in a frame.\n".format(*given.seeds),
        "| vectors | threshold | persons | wrong pairs | missed pairs | IDF1 | HOTA |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    before = scored_before(scene, given.work / "out")
    lines.append(
        f"| before linking | | {before.ids} | 0 | {_all_pairs(scene)} | {_percent(before.idf1)} "
        f"| {_percent(before.hota)} |"
    )
    for number, model in enumerate(given.models):
        vectors = embed(model, scene, given.work / "vectors" / "scene")
        theirs = embed(model, other, given.work / "vectors" / "other")
        strict, fitting = calibrated(other, theirs), best(other, sweep(other, theirs))
        for threshold, footage, words in (
            (strict, scene, "FAR 1 % on the other scene"),
            (fitting, scene, "best on the other scene"),
            (fitting, dataclasses.replace(scene, travel=None), "the same, no travel times"),
            (fitting, without_times(scene), "the same, no times at all"),
        ):
            linking = link(footage.records, vectors, threshold=threshold, travel=footage.travel)
            lines.append(_scene_row(given, scene, linking, _name(model), f"{threshold:.2f}, {words}"))
        if number == 0:
            linking = link(scene.records, vectors, threshold=strict, travel=scene.travel)
            sheets = write_contact_sheets(linking, given.work / "sheet")
            (given.out / "linking_scene.png").write_bytes(sheets[0].read_bytes())
    return [*lines, ""]


def _scene_row(given: argparse.Namespace, scene: Footage, linking: Linking, *names: str) -> str:
    wrong, missed = pairs(scene, linking)
    cells = [*names, len(linking.persons), len(wrong), len(missed)]
    try:
        scores = scored(scene, linking, given.work / "out")
        cells += [_percent(scores.idf1), _percent(scores.hota)]
    except ValueError:  # one person twice in one frame: those are no tracks
        cells += ["-", "-"]
    return f"| {' | '.join(map(str, cells))} |"


def _tracked_part(given: argparse.Namespace, *scenes: Footage) -> list[str]:
    """The same scenes, followed by `stca track` without any network."""
    scene, other = (
        _footage(root, _who_is_followed(footage), footage.truth, footage.travel)
        for root, footage in zip(given.tracked, scenes, strict=True)
    )
    lines = [
        f"## The same scene, followed by `stca track` (motion detector): {len(scene.records)} tracklets\n",
        "`stca track cam1.mp4 cam2.mp4 cam3.mp4 cam4.mp4 --out TRACKS`. What detection and following lose is "
        "lost before linking. Threshold: best on the other scene, followed likewise. Wrong and missed pairs "
        "go by the person whose boxes a tracklet has most.\n",
        "| vectors | threshold | persons | wrong pairs | missed pairs | IDF1 | HOTA |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    before = scored_before(scene, given.work / "out")
    lines.append(
        f"| before linking | | {before.ids} | 0 | {_all_pairs(scene)} | {_percent(before.idf1)} "
        f"| {_percent(before.hota)} |"
    )
    for model in given.models:
        vectors = embed(model, scene, given.work / "vectors" / "scene tracked")
        theirs = embed(model, other, given.work / "vectors" / "other tracked")
        threshold = best(other, sweep(other, theirs))
        linking = link(scene.records, vectors, threshold=threshold, travel=scene.travel)
        lines.append(_scene_row(given, scene, linking, _name(model), f"{threshold:.2f}"))
    return [*lines, ""]


def _who_is_followed(footage: Footage) -> Callable[[TrackRecord], int]:
    """From a track to the person of the ground truth that it overlaps (IoU 0.5) in most frames; or itself."""
    boxes = {camera: by_frame(rows) for camera, rows in footage.truth.items()}
    nobody = count(10_000)

    def who(track: TrackRecord) -> int:
        votes: Counter[int] = Counter()
        for frame in track.frames:
            true = boxes[track.camera].get(frame.frame, [])
            found = overlaps(true, [MotRow(frame.frame, 0, *frame.box)])[:, 0]
            votes.update(row.track for row, overlap in zip(true, found, strict=True) if overlap >= 0.5)
        return votes.most_common(1)[0][0] if votes else next(nobody)

    return who


def calibrated(footage: Footage, vectors: np.ndarray) -> float:
    """The threshold for a false-accept rate of 1 % per search."""
    records = [dataclasses.replace(r, label=footage.person[r.key]) for r in footage.records]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return calibrate(labelled(records, unit.astype(np.float32)), far=0.01, across=True)[0].threshold


def without_times(footage: Footage) -> Footage:
    """The same, as if nobody knew when anything was: then nothing is forbidden."""
    records = [dataclasses.replace(record, first=None, last=None) for record in footage.records]
    return dataclasses.replace(footage, records=records, travel=None)


def _pets_part(given: argparse.Namespace, pets: Footage) -> list[str]:
    lines = [
        "## PETS09-S2L1: 19 tracks of 10 people, one camera\n",
        "The ground truth gives everybody a new id who comes back. Who is who was established by eye, from "
        "twelve crops of every track:\n",
        "| person | ids of the ground truth | |",
        "|---:|---|---|",
        *(f"| {n} | {', '.join(map(str, ids))} | {look} |" for n, (look, ids) in enumerate(PETS.items(), 1)),
        "",
        "Which thresholds give exactly these 10 people, and what goes wrong outside of that range:\n",
        "| vectors | no error from, to | persons / wrong / missed pairs at 0.5 | 0.6 | 0.7 | 0.8 | 0.9 |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in given.models:
        linkings = sweep(pets, embed(model, pets, given.work / "vectors" / "pets"))
        clean = [linking.threshold for linking in linkings if not any(pairs(pets, linking))]
        cells = []
        for threshold in (0.5, 0.6, 0.7, 0.8, 0.9):
            linking = at(linkings, threshold)
            wrong, missed = pairs(pets, linking)
            cells.append(f"{len(linking.persons)} / {len(wrong)} / {len(missed)}")
        span = f"{min(clean):.2f} to {max(clean):.2f}" if clean else "none"
        lines.append(f"| {_name(model)} | {span} | {' | '.join(cells)} |")
    return [*lines, "", *_pets_errors(given, pets)]


def _pets_errors(given: argparse.Namespace, pets: Footage) -> list[str]:
    """Every wrong and missed pair of every model, each at its best threshold; and the first one's sheet."""
    lines = ["Every error at each model's best threshold:\n"]
    for number, model in enumerate(given.models):
        linkings = sweep(pets, embed(model, pets, given.work / "vectors" / "pets"))
        linking = at(linkings, best(pets, linkings))
        wrong, missed = pairs(pets, linking)
        scores = scored(pets, linking, given.work / "out")
        found = [f"{a} and {b} wrongly one" for a, b in wrong] + [f"{a} and {b} not one" for a, b in missed]
        lines.append(
            f"- {_name(model)} at {linking.threshold:.2f}: {len(linking.persons)} persons, "
            f"IDF1 {_percent(scores.idf1)}, HOTA {_percent(scores.hota)}; {'; '.join(found) or 'no error'}"
        )
        if number == 0:
            (sheet,) = write_contact_sheets(linking, given.work / "sheet")
            (given.work / "linking_pets.png").write_bytes(sheet.read_bytes())  # footage is not kept here
    before = scored_before(pets, given.work / "out")
    lines.append(f"- before linking: IDF1 {_percent(before.idf1)}, HOTA {_percent(before.hota)}")
    return [*lines, ""]


def _all_pairs(footage: Footage) -> int:
    counts = np.unique(list(footage.person.values()), return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _name(model: str) -> str:
    return Path(model).stem


if __name__ == "__main__":
    main()
