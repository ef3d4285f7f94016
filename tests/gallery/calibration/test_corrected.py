"""Calibration from what people corrected: first, and alone if it suffices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stca.errors import GalleryError
from stca.gallery import Gallery, ModelFingerprint, Record, calibrate, calibrate_gallery, labelled
from stca.gallery.calibration import Calibration, CalibrationSet, count_searches
from stca.gallery.calibration.corrected import corrected, corrections_alone, suffices
from stca.gallery.corrections import Resolved
from stca.linking.persons import hide, judge, merge_persons, split_person
from stca.ranking.open_set import OpenSet
from stca.runs import open_model


def people(count: int, each: int, *, seed: int = 0) -> tuple[list[Record], np.ndarray]:
    """Every person's tracklets follow one another in time; those of a turn are seen at once."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), each)
    rows = rng.standard_normal((count, 32))[who] + 0.8 * rng.standard_normal((count * each, 32))
    records = [
        Record(f"c{i % 3}/{i:03d}", f"c{i % 3}", 10.0 * (i // 6), 10.0 * (i // 6) + 2, label=int(person))
        for i, person in enumerate(who)
    ]
    return records, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def slow(
    records: list[Record], rows: np.ndarray, resolved: Resolved, labels: list[int | None], across: bool
) -> OpenSet:
    """Pair by pair: what people said, then labels, then times."""
    group = {key: number for number, keys in enumerate(resolved.groups) for key in keys}
    of = [group.get(record.key, record.key) for record in records]
    apart = {frozenset((group.get(a, a), group.get(b, b))) for a, b in resolved.apart}
    right, impostor = [], []
    for i, a in enumerate(records):
        own, others = [], []
        for j, b in enumerate(records):
            if i == j or (across and a.camera == b.camera):
                continue
            score = float(rows[i] @ rows[j])
            if of[i] == of[j]:
                own.append(score)
            elif frozenset((of[i], of[j])) in apart:
                others.append(score)
            elif labels[i] is not None and labels[i] == labels[j]:
                own.append(score)
            elif None not in (labels[i], labels[j]) or a.overlaps(b):
                others.append(score)
        if own:
            right.append(max(own) if max(own) > max(others, default=-2) else -np.inf)
        if others:
            impostor.append(max(others))
    return OpenSet(np.array(right), np.array(impostor))


def same_scores(found: OpenSet, wanted: OpenSet) -> bool:
    return np.allclose(found.right, wanted.right, atol=1e-5) and np.allclose(
        found.impostor, wanted.impostor, atol=1e-5
    )


@pytest.mark.parametrize("across", [False, True])
def test_they_overrule_times_as_the_slow_version(across: bool) -> None:
    records, rows = people(8, 6)
    keys = [record.key for record in records]
    resolved = Resolved(
        groups=((keys[0], keys[3], keys[9]), (keys[20], keys[21])),  # 0 and 3 were seen at once
        apart=((keys[0], keys[20]), (keys[0], keys[30]), (keys[40], keys[41])),
    )
    known = corrections_alone(records, rows, resolved)
    calibration, found = calibrate(known, far=0.1, across=across)
    assert calibration.method == "corrections"
    assert same_scores(found, slow(records, rows, resolved, [None] * len(records), across))
    assert count_searches(known, across=across) == (len(found.right), len(found.impostor))


@pytest.mark.parametrize("across", [False, True])
def test_they_overrule_labels_as_the_slow_version(across: bool) -> None:
    records, rows = people(8, 6)
    keys = [record.key for record in records]
    labels: list[int | None] = [record.label for record in records]
    for unknown in (4, 13, 14):
        labels[unknown] = None
    records = [replace(record, label=label) for record, label in zip(records, labels, strict=True)]
    # An unlabelled one joins person 0; persons 3 and 4 are one; within person 5, one is somebody else.
    resolved = Resolved(
        groups=((keys[0], keys[4]), (keys[13], keys[14]), (keys[18], keys[24])),
        apart=((keys[13], keys[20]), (keys[30], keys[31])),
    )
    known = corrected(labelled(records, rows), resolved)
    calibration, found = calibrate(known, far=0.1, across=across)
    assert calibration.method == "labels"
    wanted = [0 if row == 4 else 3 if label == 4 else label for row, label in enumerate(labels)]
    assert same_scores(found, slow(records, rows, resolved, wanted, across))


def test_both_halves_of_joined_tracklets_are_one_person() -> None:
    records, rows = people(4, 2)
    halves = [record for record in records[:4] for _ in range(2)]
    known = CalibrationSet(tuple(halves), rows, np.repeat(np.arange(4), 2), complete=False)
    resolved = Resolved(groups=((records[0].key, records[1].key),), apart=((records[0].key, records[3].key),))
    calibration, found = calibrate(corrected(known, resolved), far=0.1)
    assert calibration.method == "time split"
    scores = rows @ rows.T
    best = [max(scores[i, j] for j in range(4) if j != i) for i in range(2)]
    strangers = [scores[i, 6:8].max() for i in range(2)]
    wanted = [b if b > s else -np.inf for b, s in zip(best, strangers, strict=True)]
    assert found.right[:2] == pytest.approx(wanted)
    assert corrected(known, Resolved()) is known


def test_from_how_many_searches_on_they_suffice() -> None:
    records, rows = people(30, 2)
    keys = [record.key for record in records]
    groups = tuple((keys[2 * n], keys[2 * n + 1]) for n in range(15))
    apart = tuple((keys[2 * n], keys[2 * n + 2]) for n in range(14))
    known = corrections_alone(records, rows, Resolved(groups, apart))
    mated, non_mated = count_searches(known)
    assert mated == 30
    assert non_mated >= 30
    assert suffices(known, far=1 / non_mated, across=False)[0]
    assert not suffices(known, far=1 / (non_mated + 1), across=False)[0]
    assert not suffices(known, far=0.0, across=False)[0]
    fewer = corrections_alone(records, rows, Resolved(groups[:14], apart[:13]))
    enough, words = suffices(fewer, far=0.5, across=False)
    assert not enough
    assert "28 searches" in words
    assert "at least 30" in words


@pytest.fixture
def gallery(tmp_path: Path):
    records, rows = people(30, 4)
    with Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(32)) as made:
        made.add([replace(record, label=None, person=record.label) for record in records], rows)
        made.set_persons({record.key: record.label for record in records})
        yield made


def model() -> object:
    raise GalleryError("nothing may be embedded")


def correct_much(gallery: Gallery, persons: int) -> None:
    """Split every person in two, then merge the two again: all of its tracklets are said to be one."""
    records = list(gallery.records())
    for number in range(persons):
        mine = [record.key for record in records if record.person == number]
        split_person(gallery, mine[:2])
        merge_persons(gallery, gallery.person_numbers()[mine[0]], number)
        judge(gallery, mine[0], records[(4 * number + 5) % len(records)].key, same=False)


def test_many_corrections_suffice_and_it_is_said(gallery: Gallery) -> None:
    correct_much(gallery, 25)
    calibration, searches = calibrate_gallery(gallery, model, far=0.02)
    assert (calibration.method, calibration.searches) == ("corrections", 100)
    assert gallery.calibration() == calibration
    table = calibration.table()
    assert "from corrections: 100 searches" in table
    assert "pairs judged by people (125 of one person, 25 of different people) suffice" in table
    assert f"the gallery has {len(gallery)} tracklets" in table
    assert searches.false_accept_rate(calibration.threshold) <= 0.02
    assert calibration.by_people
    keys = [record.key for record in gallery.records()]
    hide(gallery, keys[:4])
    assert calibrate_gallery(gallery, model, far=0.02)[0].searches == 96, "hidden ones are nobody"


def test_few_corrections_do_not_make_a_threshold(gallery: Gallery) -> None:
    correct_much(gallery, 2)
    with pytest.raises(
        GalleryError, match=r"give 8 searches for people in the gallery(.|\n)*at least 30 and 100"
    ):
        calibrate_gallery(gallery, open_model("colour_histogram"), far=0.01)
    assert gallery.calibration() is None


def test_labels_are_corrected(gallery: Gallery) -> None:
    labels = {record.key: record.person for record in gallery.records()}
    plain, _ = calibrate_gallery(gallery, model, far=0.1, labels=labels)
    assert (plain.corrections, plain.note) == (0, "")
    assert "corrections" not in plain.to_json(), "versions before corrections read it"
    keys = list(labels)
    judge(gallery, keys[0], keys[1], same=False)
    calibration, _ = calibrate_gallery(gallery, model, far=0.1, labels=labels)
    assert (calibration.method, calibration.corrections) == ("labels", 1)
    assert "(0 of one person, 1 of different people) came before the labels" in calibration.table()
    assert Calibration.from_json(calibration.to_json()) == calibration
