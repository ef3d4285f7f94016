"""`stca link`."""

from __future__ import annotations

import argparse
from pathlib import Path

from stca.cli.parsing import Verbs, add_verb, gallery_place, require_with


def add_verbs(verbs: Verbs) -> None:
    """Add `link`."""
    verb = add_verb(verbs, "link", _link, help="group a gallery's tracklets into persons")
    verb.add_argument(
        "gallery",
        type=gallery_place,
        help="folder or milvus:// address of the gallery; the persons are written into it",
    )
    verb.add_argument(
        "--threshold",
        type=float,
        metavar="X",
        help="minimum mean cosine between two groups of one person, less what the vectors of a "
        "camera have in common; default: from `stca calibrate` with labels or corrections, else the "
        "higher one of people whom one camera sees at once and of public sets, else from halves of "
        "tracklets",
    )
    verb.add_argument(
        "--travel",
        type=Path,
        metavar="FILE",
        help="CSV lines from,to,seconds: minimum travel times between cameras",
    )
    verb.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write persons.csv, contact sheets and MOTChallenge tracks with these ids",
    )
    verb.add_argument("--blur", action="store_true", help="blur the heads on --out's contact sheets")
    verb.add_argument(
        "--truth",
        type=Path,
        metavar="DIR",
        help="ground truth with ids shared by all cameras, DIR/CAMERA/gt/gt.txt: print IDF1, HOTA "
        "and every mistake",
    )


def _link(given: argparse.Namespace) -> None:
    from stca.gallery import Gallery
    from stca.linking.constraints import read_travel
    from stca.linking.linking import find_persons, store_persons
    from stca.linking.mistakes import find_mistakes
    from stca.linking.outputs import corrections_note, persons_table, threshold_note, write_linking
    from stca.linking.persons import person_names
    from stca.linking.scores import (
        import_trackeval,
        read_truth,
        score_linking,
        scores_table,
        unlinked,
    )

    require_with(given, "blur", "out")
    truth = None
    if given.truth:
        import_trackeval()  # before anything is written
        truth = read_truth(given.truth)
    travel = read_travel(given.travel) if given.travel else None
    with Gallery.open(given.gallery) as gallery:
        linking = find_persons(gallery, threshold=given.threshold, travel=travel)
        scores = truth and (score_linking(unlinked(linking), truth), score_linking(linking, truth))
        mistakes = truth and find_mistakes(linking, truth)
        written = write_linking(linking, given.out, blur=given.blur) if given.out else []
        store_persons(gallery, linking)  # last, when nothing else can fail
        names = person_names(gallery)
    print(persons_table(linking, names))
    print(threshold_note(linking))
    if note := corrections_note(linking):
        print(note)
    for path in written:
        print(path)
    if scores:
        print(scores_table(*scores))
        print(mistakes)
