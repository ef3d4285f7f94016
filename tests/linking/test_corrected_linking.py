"""What people corrected binds the next linking."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from made_gallery import FINGERPRINT, vectors
from slow_linkage import slow_linkage
from stca.cli.main import main
from stca.errors import GalleryError
from stca.gallery import Gallery, Record
from stca.gallery.corrections import Resolved, resolve
from stca.linking import linking as linking_module
from stca.linking.clustering import average_linkage, cosine_distances
from stca.linking.linking import CorrectedMeanwhileError, find_persons, link, link_gallery, store_persons
from stca.linking.persons import (
    hide,
    judge,
    merge_persons,
    name_person,
    person_names,
    show,
    split_person,
    take_out,
    undo,
)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[list[int]], set[tuple[int, int]], float]:
    """Vectors, disjoint groups of rows, and pairs that are apart: of times or of people, never within a group."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(2, 11))
    rows = rng.normal(size=(draw(st.integers(1, 4)), 6))
    rows = rows[rng.integers(len(rows), size=count)] + draw(st.sampled_from([0.3, 1.0])) * rng.normal(
        size=(count, 6)
    )
    order = rng.permutation(count).tolist()
    first, second = draw(st.integers(0, count // 2)), draw(st.integers(0, count // 2))
    together = [order[:first], order[first : first + second]]
    of = {row: number for number, group in enumerate(together) for row in group}
    pairs = [pair for pair in combinations(range(count), 2) if of.get(pair[0], -1) != of.get(pair[1], -2)]
    apart = {pair for pair in pairs if rng.random() < 0.2}
    return rows, together, apart, draw(st.floats(-0.5, 2.5))


def bound(rows: np.ndarray, apart: set[tuple[int, int]]) -> np.ndarray:
    distances = cosine_distances(rows)
    for a, b in apart:
        distances[a, b] = distances[b, a] = np.inf
    return distances


@settings(max_examples=60)
@given(problems())
def test_it_is_what_merging_the_closest_pair_gives(problem: tuple) -> None:
    rows, together, apart, threshold = problem
    distances = bound(rows, apart)
    for group in together:
        for a, b in combinations(group[:2], 2):
            distances[a, b] = distances[b, a] = np.inf  # seen at once: overruled
    labels = average_linkage(distances.copy(), threshold=threshold, together=together)
    for group in together:
        assert len(set(labels[group])) <= 1
    assert all(labels[a] != labels[b] for a, b in apart)
    np.testing.assert_array_equal(labels, slow_linkage(distances, threshold, together))


@settings(max_examples=30)
@given(problems())
def test_without_corrections_it_is_as_before(problem: tuple) -> None:
    rows, _, apart, threshold = problem
    distances = bound(rows, apart)
    np.testing.assert_array_equal(
        average_linkage(distances.copy(), threshold=threshold, together=()),
        average_linkage(distances.copy(), threshold=threshold),
    )
    records = [Record(str(n), "north") for n in range(len(rows))]
    cosine = float(np.clip(threshold, -1, 1))
    assert link(records, rows, threshold=cosine, corrections=Resolved()) == link(
        records, rows, threshold=cosine
    )


def test_a_pair_stands_for_its_groups_even_if_its_own_keys_are_not_there() -> None:
    rows = np.array([[1, 0.01 * n] for n in range(4)], np.float32)
    records = [Record(key, "north") for key in "bcde"]
    resolved = Resolved(groups=(("a", "b", "c"), ("d", "x")), apart=(("a", "d"), ("y", "z")))
    found = link(records, rows, threshold=0.5, corrections=resolved).numbers()
    assert found["b"] == found["c"] != found["d"]


TWINS = ("a", "b", "c", "d", "e")


@pytest.fixture
def gallery(tmp_path: Path):
    """Five tracklets of one look; a and b are in one camera at once."""
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as made:
        times = {"a": 0.0, "b": 1.0, "c": 10.0, "d": 20.0, "e": 30.0}
        records = [Record(key, "north", times[key], times[key] + 5) for key in TWINS]
        rows = np.ones((5, 16), np.float32) + 0.05 * vectors(5, people=1)
        made.add(records, rows)
        yield made


def groups(gallery: Gallery, threshold: float = 0.5) -> set[str]:
    linking = link_gallery(gallery, threshold=threshold)
    stored = {record.key: record.person for record in gallery.records() if record.person is not None}
    assert stored == linking.numbers()
    return {"".join(sorted(record.key for record in person)) for person in linking.persons}


def test_every_correction_survives_the_next_linking(gallery: Gallery) -> None:
    assert len(groups(gallery)) == 2, "a and b were seen at once"
    numbers = gallery.person_numbers()
    merge_persons(gallery, numbers["a"], numbers["b"])
    assert groups(gallery) == {"abcde"}, "people know better than times"
    out = take_out(gallery, "c")
    assert groups(gallery) == {"abde", "c"}
    split_person(gallery, ["d", "e"])
    assert groups(gallery) == {"ab", "cde"}, "all three were taken out; nobody compared them"
    judge(gallery, "c", "d", same=False)
    assert groups(gallery) == {"ab", "c", "de"}
    hide(gallery, ["e"])
    assert groups(gallery) == {"ab", "c", "d"}
    assert gallery.get("e")[0].person is None
    show(gallery, ["e"])
    undo(gallery, out.id)
    assert groups(gallery, threshold=0.9999) == {"abc", "de"}
    judge(gallery, "c", "d", same=True)
    assert groups(gallery, threshold=0.9999) == {"ab", "cde"}


def test_names_survive_the_next_linking(gallery: Gallery) -> None:
    link_gallery(gallery, threshold=0.5)
    take_out(gallery, "a")
    name_person(gallery, gallery.person_numbers()["a"], "Anna")
    name_person(gallery, gallery.person_numbers()["c"], "Ben")
    link_gallery(gallery, threshold=0.5)
    names, numbers = person_names(gallery), gallery.person_numbers()
    assert (names[numbers["a"]], names[numbers["c"]]) == ("Anna", "Ben")


def test_contradictions_are_counted(gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    judge(gallery, "a", "c", same=False)
    judge(gallery, "a", "b", same=True)
    judge(gallery, "b", "c", same=True)
    linking = find_persons(gallery, threshold=0.999999)
    assert (linking.corrected, [each.id for each in linking.left_out]) == (2, [1])
    hide(gallery, ["e"])
    name_person(gallery, link_gallery(gallery, threshold=0.9).numbers()["a"], "Anna")
    gallery.close()
    assert main(["link", str(gallery.path), "--threshold", "0.9"]) == 0
    said = capsys.readouterr().out
    assert "corrections by people that hold: 2; 1 contradicts newer ones and is left out" in said
    assert "hidden tracklets: 1" in said
    assert "Anna" in said


def test_a_correction_during_the_linking_is_not_lost(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = find_persons(gallery, threshold=0.5)
    judge(gallery, "c", "d", same=False)
    with pytest.raises(CorrectedMeanwhileError, match="while they were linked"):
        store_persons(gallery, stale)
    assert gallery.person_numbers() == {}, "nothing was written"
    resolving = iter(["c", "d"])

    def correct_and_resolve(log: list) -> Resolved:
        if key := next(resolving, None):
            hide(gallery, [key])
        return resolve(log)

    monkeypatch.setattr(linking_module, "resolve", correct_and_resolve)
    assert len(groups(gallery)) == 2
    assert gallery.hidden() == {"c", "d"}
    hide(gallery, ["a", "b", "e"])
    with pytest.raises(GalleryError, match="only hidden"):
        link_gallery(gallery, threshold=0.5)
