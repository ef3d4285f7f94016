"""Linking on PETS09-S2L1: 19 tracks of 10 people in one camera."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from experiments.linking.footage import Footage, at, best, embed, footage_of, name_of, pairs, percent, sweep
from experiments.linking.truth_tracks import cut_tracks

from stca.boxes import read_mot
from stca.linking.contact_sheet import write_contact_sheets
from stca.linking.scores import score_linking

# Identities of the tracks of PETS, assigned by eye from twelve crops of each of the 19 tracks.
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


def load_pets(folder: Path, tracks: Path) -> Footage:
    """PETS with one tracklet per ground-truth track and the identities assigned by eye."""
    if not tracks.exists():
        cut_tracks(folder / "vtest.avi", folder / "gt.txt", tracks, camera="pets", split=False)
    truth = {
        "pets": [
            dataclasses.replace(row, track=PETS_PERSON[row.track])
            for row in read_mot(folder / "gt.txt").rows
            if row.confidence > 0
        ]
    }
    return footage_of(tracks, lambda track: PETS_PERSON[track.person], truth, None)


def pets_part(args: argparse.Namespace, pets: Footage) -> list[str]:
    lines = [
        "## PETS09-S2L1: 19 tracks of 10 people, one camera\n",
        "The ground truth assigns a new id to people who return. Identities were assigned by eye, from "
        "twelve crops of every track:\n",
        "| person | ids of the ground truth | |",
        "|---:|---|---|",
        *(f"| {n} | {', '.join(map(str, ids))} | {look} |" for n, (look, ids) in enumerate(PETS.items(), 1)),
        "",
        "Which thresholds give exactly these 10 people, and what goes wrong outside of that range:\n",
        "| vectors | no error from, to | persons / wrong / missed pairs at 0.5 | 0.6 | 0.7 | 0.8 | 0.9 |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in args.models:
        linkings = sweep(pets, embed(model, pets, args.work / "vectors" / "pets"))
        clean = [linking.threshold for linking in linkings if not any(pairs(pets, linking))]
        cells = []
        for threshold in (0.5, 0.6, 0.7, 0.8, 0.9):
            linking = at(linkings, threshold)
            wrong, missed = pairs(pets, linking)
            cells.append(f"{len(linking.persons)} / {len(wrong)} / {len(missed)}")
        span = f"{min(clean):.2f} to {max(clean):.2f}" if clean else "none"
        lines.append(f"| {name_of(model)} | {span} | {' | '.join(cells)} |")
    return [*lines, "", *_pets_errors(args, pets)]


def _pets_errors(args: argparse.Namespace, pets: Footage) -> list[str]:
    """All wrong and missed pairs per model at its best threshold, and the first model's contact sheet."""
    lines = ["Every error at each model's best threshold:\n"]
    for number, model in enumerate(args.models):
        linkings = sweep(pets, embed(model, pets, args.work / "vectors" / "pets"))
        linking = at(linkings, best(pets, linkings))
        wrong, missed = pairs(pets, linking)
        scores = score_linking(linking, pets.truth)
        found = [f"{a} and {b} wrongly one" for a, b in wrong] + [f"{a} and {b} not one" for a, b in missed]
        lines.append(
            f"- {name_of(model)} at {linking.threshold:.2f}: {len(linking.persons)} persons, "
            f"IDF1 {percent(scores.idf1)}, HOTA {percent(scores.hota)}; {'; '.join(found) or 'no error'}"
        )
        if number == 0:
            (sheet,) = write_contact_sheets(linking, args.work / "sheet")
            (args.work / "linking_pets.png").write_bytes(sheet.read_bytes())  # footage is not kept here
    before = score_linking(pets.unlinked(), pets.truth)
    lines.append(f"- before linking: IDF1 {percent(before.idf1)}, HOTA {percent(before.hota)}")
    return [*lines, ""]
