"""What a camera's vectors have in common is taken away before linking, as far as people can be told from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.gallery import Gallery, ModelFingerprint, Record
from stca.linking import Linking, find_persons, link
from stca.linking.camera_shift import FEW, without_camera_shift


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def people(
    count: int, cameras: int, *, shift: float, seed: int = 0
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """One vector of everybody in each camera; everything in a camera is moved by `shift`."""
    rng = np.random.default_rng(seed)
    who, where = np.tile(np.arange(count), cameras), np.repeat(np.arange(cameras), count)
    rows = rng.standard_normal((count, 32))[who] + 0.3 * rng.standard_normal((len(who), 32))
    rows += shift * rng.standard_normal((cameras, 32))[where]
    return [f"camera {each}" for each in where], rows.astype(np.float32), who


def slow(cameras: list[str], rows: np.ndarray) -> np.ndarray:
    """One by one, as the paragraph in the docs says it."""
    rows = unit(rows.astype(np.float64))
    where = np.array(cameras)
    middle = np.mean([rows[where == camera].mean(axis=0) for camera in set(cameras)], axis=0)
    people, means = {}, {}
    for camera in set(cameras):
        mine = [row for row, where in zip(rows, cameras, strict=True) if where == camera]
        seen = [(row - middle) / np.linalg.norm(row - middle).clip(1e-12) for row in mine]
        weights = [1 / max(1, sum(max(0, float(a @ b)) ** 2 for b in seen)) for a in seen]
        people[camera] = sum(weights)
        means[camera] = sum(w * row for w, row in zip(weights, mine, strict=True)) / sum(weights)
    every = sum(people[each] * means[each] for each in people) / sum(people.values())
    return np.stack(
        [
            row - people[where] / (people[where] + FEW) * (means[where] - every)
            for row, where in zip(rows, cameras, strict=True)
        ]
    )


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_as_the_slow_version(count: int, cameras: int, seed: int) -> None:
    where, rows, _ = people(count, cameras, shift=1.0, seed=seed)
    assert np.allclose(without_camera_shift(where, rows), slow(where, rows), atol=1e-5)
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = without_camera_shift([where[i] for i in order], rows[order])
    assert np.allclose(shuffled, without_camera_shift(where, rows)[order], atol=1e-5)


def test_one_camera_stays_as_it_is() -> None:
    where, rows, _ = people(20, 1, shift=3.0)
    assert np.allclose(without_camera_shift(where, rows), unit(rows), atol=1e-6)


def test_people_and_not_tracklets_are_counted() -> None:
    where, rows, _ = people(12, 2, shift=1.0)
    many = np.concatenate([rows, np.repeat(rows[:1], 200, axis=0)])  # one of them, again and again
    found = without_camera_shift([*where, *[where[0]] * 200], many)[: len(rows)]
    plain = without_camera_shift(where, rows)
    assert np.sum(unit(found) * unit(plain), axis=1).min() > 0.99


def test_one_person_in_each_camera_is_still_found() -> None:
    where, rows, _ = people(1, 2, shift=0.2)
    before, after = unit(rows), unit(without_camera_shift(where, rows))
    assert after[0] @ after[1] == pytest.approx(before[0] @ before[1], abs=0.05)


def test_light_of_a_camera_does_not_keep_people_apart(tmp_path: Path) -> None:
    where, rows, who = people(60, 2, shift=1.0)
    records = [Record(f"{camera}/{i}", camera) for i, camera in enumerate(where)]
    with Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(32)) as gallery:
        gallery.add(records, rows)
        found = find_persons(gallery, threshold=0.5)

    def pairs(linking: Linking) -> tuple[int, int]:
        """Of one person, and of different people, that were linked."""
        numbers = linking.numbers()
        number = np.array([numbers[record.key] for record in records])
        linked, same = np.triu(number[:, None] == number, 1), who[:, None] == who
        return int((linked & same).sum()), int((linked & ~same).sum())

    before, after = pairs(link(records, rows, threshold=0.5)), pairs(found)
    assert after[0] >= 50 > 2 * before[0], "of 60"
    assert 5 * after[1] < before[1]
