"""Thresholds: from labels, from halves, and who counts as different."""

import dataclasses
import json

import numpy as np
import pytest

from made_gallery import record, vectors
from stca.errors import GalleryError, GalleryFileError
from stca.gallery import Calibration, CalibrationSet, Record, calibrate, labelled, relabel
from stca.gallery.calibration import known_pairs
from stca.ranking.open_set import OpenSet


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def people(count: int, each: int, *, seed: int = 0, noise: float = 0.5) -> tuple[list[Record], np.ndarray]:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), each)
    rows = rng.standard_normal((count, 32))[who] + noise * rng.standard_normal((count * each, 32))
    records = [
        Record(f"c{i % 3}/{i}", f"c{i % 3}", float(i), i + 2.0, label=int(person))
        for i, person in enumerate(who)
    ]
    return records, unit(rows)


def slow(records, rows, across: bool) -> OpenSet:
    right, impostor = [], []
    for i, (a, x) in enumerate(zip(records, rows, strict=True)):
        own, others = [], []
        for j, (b, y) in enumerate(zip(records, rows, strict=True)):
            if i == j or (across and a.camera == b.camera):
                continue
            score = float(x @ y)
            if a.label is not None and a.label == b.label:
                own.append(score)
            elif None not in (a.label, b.label) or a.overlaps(b):
                others.append(score)
        if own:
            right.append(max(own) if max(own) > max(others, default=-2) else -np.inf)
        if others:
            impostor.append(max(others))
    return OpenSet(np.array(right), np.array(impostor))


@pytest.mark.parametrize("across", [False, True])
def test_by_labels_as_the_slow_version(across: bool) -> None:
    records, rows = people(12, 4, noise=1.0)
    records = [dataclasses.replace(r, label=None) if i % 7 == 0 else r for i, r in enumerate(records)]
    calibration, found = calibrate(labelled(records, rows), far=0.1, across=across)
    wanted = slow(records, rows, across)
    assert np.allclose(found.right, wanted.right, atol=1e-5)
    assert np.allclose(found.impostor, wanted.impostor, atol=1e-5)
    assert calibration.threshold == pytest.approx(wanted.threshold(0.1), abs=1e-5)
    assert calibration.dir_at_10 == pytest.approx(wanted.dir_at_far(0.1))
    assert (calibration.searches, calibration.impostors) == (len(wanted.right), len(wanted.impostor))


@pytest.mark.parametrize("across", [False, True])
def test_the_size_of_blocks_plays_no_part_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, across: bool
) -> None:
    records, rows = people(12, 4)
    records = [
        dataclasses.replace(r, label=None, first=None, last=None) if i % 7 == 0 else r
        for i, r in enumerate(records)
    ]
    known = labelled(records, rows)
    ((_, *whole),) = known_pairs.mate_masks(known, across=across)
    numbered = []
    monkeypatch.setattr(known_pairs, "_BLOCK", 5)
    codes = known_pairs._codes
    monkeypatch.setattr(known_pairs, "_codes", lambda names: numbered.append(names) or codes(names))
    blocks = list(known_pairs.mate_masks(known, across=across))
    assert len(blocks) == 10
    for found, expected in zip(zip(*blocks, strict=True), [None, *whole], strict=True):
        assert expected is None or (np.vstack(found) == expected).all()
    assert len(numbered) == 2, "cameras and clocks, once each"


def test_a_threshold_keeps_its_rate_on_new_people() -> None:
    calibration, _ = calibrate(labelled(*people(150, 4, noise=0.8)), far=0.05)
    _, fresh = calibrate(labelled(*people(150, 4, seed=1, noise=0.8)), far=0.05)
    assert 0.02 < fresh.false_accept_rate(calibration.threshold) < 0.09
    assert calibration.measured
    assert "note" not in calibration.table()


def test_halves_are_mates_and_only_those_seen_at_once_are_strangers() -> None:
    wholes = [
        Record("a/1", "a", 0.0, 10.0),
        Record("a/2", "a", 5.0, 15.0),
        Record("a/3", "a", 20.0, 30.0),
        Record("b/1", "b", 0.0, 10.0),
    ]
    rows = unit(vectors(8))
    known_pairs = CalibrationSet(
        tuple(r for r in wholes for _ in range(2)), rows, np.repeat(np.arange(4), 2), complete=False
    )
    calibration, found = calibrate(known_pairs, far=0.5)
    scores = rows @ rows.T
    impostors = [scores[i, [2, 3]].max() for i in (0, 1)] + [scores[i, [0, 1]].max() for i in (2, 3)]
    assert found.impostor == pytest.approx(impostors)
    alone = [scores[4, 5], scores[5, 4], scores[6, 7], scores[7, 6]]
    assert found.right[4:] == pytest.approx(alone), "nobody known to be different: right whatever it is"
    assert calibration.method == "time split"
    assert (calibration.searches, calibration.impostors, calibration.rows) == (8, 4, 2)


def test_too_few_impostors_are_said_to_be_too_few() -> None:
    calibration, found = calibrate(labelled(*people(5, 3)), far=0.01)
    assert not calibration.measured
    assert "too few" in calibration.table()
    assert "below 20 %" in calibration.table()
    assert calibration.threshold == np.nextafter(found.impostor.max(), 2)


def test_without_mates_or_strangers() -> None:
    rows = unit(vectors(6))
    with pytest.raises(GalleryError, match="the same person"):
        calibrate(labelled([dataclasses.replace(record(i), label=i) for i in range(6)], rows))
    with pytest.raises(GalleryError, match="different people"):
        calibrate(labelled([dataclasses.replace(record(i), label=1) for i in range(6)], rows))
    with pytest.raises(GalleryError, match="the same person"):
        calibrate(labelled([record(i) for i in range(6)], rows))


def test_labels_are_given_by_key() -> None:
    records = [record(i) for i in range(4)]
    named = relabel(records, {records[1].key: 5})
    assert [r.label for r in named] == [None, 5, None, None]
    with pytest.raises(GalleryError, match="'nobody'"):
        relabel(records, {"nobody": 1})


def test_it_is_kept_and_read_back() -> None:
    calibration, _ = calibrate(labelled(*people(5, 3)))
    assert Calibration.from_json(calibration.to_json()) == calibration
    with pytest.raises(GalleryError, match="damaged"):
        Calibration.from_json("{}")


def test_two_videos_of_a_camera_are_not_at_once() -> None:
    records = [Record(f"{v}/{i}", "cam1", 0.0, 5.0, clock=f"{v}/v.mp4") for v in "ab" for i in range(2)]
    records = [record for record in records for _ in range(2)]
    rows = unit(vectors(8))
    same = np.repeat(np.arange(4), 2)
    known_pairs = CalibrationSet(tuple(records), rows, same, complete=False)
    calibration, _ = calibrate(known_pairs, far=0.5)
    assert (calibration.impostors, calibration.rows) == (8, 2), (
        "of the own video's other tracklet, two halves"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": "0.7"},
        {"threshold": float("nan")},
        {"threshold": 2.5},
        {"threshold": None},
        {"far": 3.0},
        {"dir_at_1": float("nan")},
        {"method": "nonsense"},
        {"method": ["labels"]},
        {"rows": 1.5},
        {"searches": -1},
        {"surplus": 1},
    ],
    ids=str,
)
def test_a_stored_calibration_that_cannot_be_is_damaged(wrong: dict[str, object]) -> None:
    right = Calibration(0.7, 0.01, "labels", 10, 10, 1, 1.0, 0.0, 1.0)
    assert Calibration.from_json(right.to_json()) == right
    text = json.dumps(json.loads(right.to_json()) | wrong)
    with pytest.raises(GalleryFileError, match="calibration is damaged"):
        Calibration.from_json(text)
