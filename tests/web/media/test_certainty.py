"""Shares of pairs that reach a score: counted one by one, and read from what public sets gave."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from made_gallery import DIM, FINGERPRINT, vectors
from stca.gallery import Calibration, Gallery, ModelFingerprint, Record
from stca.gallery.cross_camera import _networks, calibrate_across
from stca.linking.persons import judge
from stca.web.media.certainty import GRID, Certainty, _sentence, certainty, curve_points

CALIBRATION = Calibration(0.6, 0.01, "labels", 10, 10, 10, 0.5, 0.5, 0.5)


def known(gallery: Gallery) -> dict[str, Record]:
    return {record.key: record for record in gallery.records()}


def labelled_gallery(path: Path, count: int = 60) -> Gallery:
    gallery = Gallery.open(path, model=FINGERPRINT)
    made, who = vectors(count, seed=1), np.arange(count) % 12
    made += 3 * vectors(12, seed=2)[who]
    records = [Record(f"a/{n:03d}", "ab"[n % 2], label=int(who[n]) if n % 7 else None) for n in range(count)]
    gallery.add(records, made)
    gallery.set_calibration(CALIBRATION)
    return gallery


def test_labels_are_counted_pair_by_pair(tmp_path: Path) -> None:
    with labelled_gallery(tmp_path / "g") as gallery:
        found = certainty(gallery, known(gallery))
        records, rows = gallery.table()
    assert found is not None
    scores: dict[bool, list[float]] = {True: [], False: []}
    for one in range(len(records)):
        for other in range(one):
            if records[one].label is not None and records[other].label is not None:
                scores[records[one].label == records[other].label].append(float(rows[one] @ rows[other]))
    assert found.pairs == (len(scores[False]), len(scores[True]))
    for score in (-0.1, 0.3, 0.55, 0.9, 1.0):
        different, same = found.at(score)
        assert different == pytest.approx(np.mean(np.array(scores[False]) >= score), abs=1e-3)
        assert same == pytest.approx(np.mean(np.array(scores[True]) >= score), abs=2e-2)
    assert "labels" in found.source
    points = curve_points(found)
    assert [point[0] for point in points] == GRID.tolist()
    assert all(a[1] >= b[1] for a, b in itertools.pairwise(points))


def test_without_labels_those_who_were_there_at_once_are_different(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        times = rng.uniform(0, 50, 40)
        records = [Record(f"a/{n:03d}", "a", float(t), float(t) + 4, clock="v") for n, t in enumerate(times)]
        gallery.add(records, vectors(40))
        gallery.set_calibration(dataclasses.replace(CALIBRATION, method="time split"))
        found = certainty(gallery, known(gallery))
        _, rows = gallery.table()
    pairs = [
        float(rows[one] @ rows[other])
        for one in range(40)
        for other in range(one)
        if records[one].overlaps(records[other])
    ]
    assert found is not None
    assert found.pairs == (len(pairs), 0)
    assert found.at(0.2) == (pytest.approx(np.mean(np.array(pairs) >= 0.2), abs=1e-3), None)
    assert "same time" in found.source
    assert "one person" not in found.words(0.2)


def test_what_people_said_overrules_labels(tmp_path: Path) -> None:
    with labelled_gallery(tmp_path / "g") as gallery:
        before = certainty(gallery, known(gallery))
        one, other = (next(k for k, r in known(gallery).items() if r.label == label) for label in (1, 2))
        judge(gallery, one, other, same=True)
        after = certainty(gallery, known(gallery))
    assert before is not None
    assert after is not None
    assert after.pairs[1] > before.pairs[1]
    assert after.pairs[0] < before.pairs[0]
    assert "corrections and labels" in after.source


def test_a_large_gallery_is_sampled_by_whole_persons(tmp_path: Path) -> None:
    with labelled_gallery(tmp_path / "g", 240) as gallery:
        some = certainty(gallery, known(gallery), sample=60)
    assert some is not None
    assert some.pairs[1] >= 20
    assert sum(some.pairs) <= 60 * 59 // 2


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        assert certainty(gallery, {}) is None
        gallery.add([Record(f"a/{n}", "a") for n in range(30)], vectors(30))
        assert certainty(gallery, known(gallery)) is None


def test_public_sets(tmp_path: Path) -> None:
    network = _networks()[0]
    weights, sets = network["weights"], network["sets"]
    fingerprint = ModelFingerprint("cnn2d_mobile", weights, (128, 64), 8, "after", DIM)
    with Gallery.open(tmp_path / "g", model=fingerprint) as gallery:
        found = certainty(gallery, {})
        calibration = calibrate_across(fingerprint, far=0.01, rows=100)
    assert found is not None
    assert calibration is not None
    assert found.pairs == (calibration.impostors, calibration.searches)
    different, same = found.at(calibration.threshold)
    assert same == pytest.approx(calibration.dir_at_threshold)
    assert 5e-5 < different < 2e-4  # one of 100 searches among 100 tracklets
    half = float(np.mean([each["different"][0] for each in sets.values()]))
    assert found.at(half)[0] == pytest.approx(0.5, abs=0.06)
    assert found.at(1.0)[0] == pytest.approx(1e-5)
    assert "public sets" in found.source


@pytest.mark.parametrize(
    ("share", "known_", "pairs", "words"),
    [
        (0.0, (0.0, 1.0), 4321, "None of 4,321 pairs of people reach this score."),
        (1.0, (0.0, 1.0), 7, "All of 7 pairs of people reach this score."),
        (0.002, (0.0, 1.0), 9999, "Of 1,000 pairs of people, 2 reach this score."),
        (0.01, (0.0, 1.0), 9999, "Of 100 pairs of people, 1 reaches this score."),
        (0.83, (0.05, 0.95), 9999, "Of 100 pairs of people, 83 reach this score."),
        (1e-5, (1e-5, 0.5), 9999, "Of 100,000 pairs of people, at most 1 reaches this score."),
        (0.5, (1e-5, 0.5), 9999, "Of 100 pairs of people, at least 50 reach this score."),
    ],
)
def test_words(share: float, known_: tuple[float, float], pairs: int, words: str) -> None:
    assert _sentence("people", share, known_, pairs) == words


def test_words_name_both_kinds() -> None:
    def shares(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(scores), 0.002), np.full(len(scores), 0.83)

    found = Certainty("made up", shares, (1000, 100), ((0.0, 1.0), (0.0, 1.0)))
    assert found.words(0.7) == (
        "Of 1,000 pairs of different people, 2 reach this score. "
        "Of 100 pairs of one person, 83 reach this score."
    )
