"""One camera cannot see a person twice at a time: who is told apart by times, everywhere by the same rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_gallery import FINGERPRINT, vectors
from stca.gallery import Calibration, Gallery, Record
from stca.gallery.calibration import labelled, pair_scores
from stca.gallery.records import HANDOVER, share_time
from stca.linking.constraints import Sightings, at_once
from stca.linking.persons import judge
from stca.watch.people.sightings import Said, Sighting, can_be_one


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ((0.0, 9.0), (9.04, 19.0), False),
        ((0.0, 9.0), (9.0, 19.0), False),
        ((0.0, 9.0), (8.1, 19.0), False),
        ((0.0, 9.0), (7.9, 19.0), True),
        ((0.0, 9.0), (8.1, 9.0), True),
        ((0.0, 1.0), (0.6, 2.0), False),
        ((0.0, 1.0), (0.4, 2.0), True),
        ((0.0, 0.2), (0.1, 0.3), True),
        ((0.0, 0.1), (0.0, 0.1), True),
        ((0.0, 2.0), (1.0, 1.0), True),
        ((1.0, 1.0), (1.0, 1.0), True),
        ((1.0, 1.0), (1.001, 1.001), True),  # one frame each, and the same one but for rounding
        ((1.0, 1.0), (1.02, 1.02), False),
    ],
)
def test_only_a_handover_is_allowed(
    first: tuple[float, float], second: tuple[float, float], together: bool
) -> None:
    for one, other in ((first, second), (second, first)):
        assert share_time(*one, *other) == together
        assert Record("a/0", "a", *one).overlaps(Record("a/1", "a", *other)) is together


spans = st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted)


@given(st.lists(spans, min_size=2, max_size=6))
def test_link_calibrate_and_watch_tell_the_same_ones_apart(times: list[list[float]]) -> None:
    first, last = (np.array(each) for each in zip(*times, strict=True))
    records = [Record(f"a/{i}", "a", a, b) for i, (a, b) in enumerate(times)]
    found = at_once(Sightings(np.zeros(len(times), np.int64), first, last), slice(None))
    for i, one in enumerate(records):
        for j, other in enumerate(records):
            assert found[i, j] == one.overlaps(other) == other.overlaps(one)
            a, b = (
                Sighting(each.key, "a", each.first, each.last, np.ones(1, np.float32))
                for each in (one, other)
            )
            assert i == j or can_be_one(a, b, travel={}, said=Said()) is not found[i, j]
    known_pairs = labelled(records, np.eye(len(times), 8, dtype=np.float32))
    assert len(pair_scores(known_pairs)[0]) == np.triu(found, 1).sum()


def test_unknown_times_tell_nobody_apart() -> None:
    assert not share_time(np.nan, np.nan, 0.0, 1.0)
    unknown, known = Record("a/0", "a"), Record("a/1", "a", 0.0, 1.0)
    assert not unknown.overlaps(known)
    assert not Record("b/0", "b", 0.0, 1.0).overlaps(known), "another camera"
    assert not Record("a/2", "a", 0.0, 1.0, clock="another video").overlaps(known)


def test_a_hit_seen_together_with_the_query_is_somebody_else(tmp_path: Path) -> None:
    query = Record("a/0", "a", 0.0, 4.0)
    records = [
        query,
        Record("a/1", "a", 1.0, 6.0),
        Record("a/2", "a", 4.0 - HANDOVER / 2, 7.0),
        Record("b/0", "b", 1.0, 6.0),
    ]
    rows = np.repeat(vectors(1), len(records), axis=0)
    rows += np.array([0.0, 0.0, 0.1, 0.2])[:, None] * vectors(len(records), seed=1)
    rows = rows.astype(np.float32)
    with Gallery.open(tmp_path / "gallery", model=FINGERPRINT) as gallery:
        gallery.add(records, rows)

        def verdicts() -> dict[str, tuple[bool | None, bool]]:
            hits = gallery.search(rows[0], queries=[query])
            return {hit.key: (hit.accepted, hit.at_once) for hit in hits}

        assert verdicts() == {"a/1": (None, True), "a/2": (None, False), "b/0": (None, False)}
        gallery.set_calibration(Calibration(0.5, 0.01, "labels", 10, 1000, 30, 0.9, 0.9, 0.95))
        assert verdicts() == {"a/1": (False, True), "a/2": (True, False), "b/0": (True, False)}
        assert all(hit.accepted and not hit.at_once for hit in gallery.search(rows[0])), "of nobody known"
        assert [hit.key for hit in gallery.search(rows[0], 1, queries=[query])] == ["a/1", "a/2"]
        assert [hit.key for hit in gallery.search(rows[0], 2, queries=[query])] == ["a/1", "a/2", "b/0"]
        assert len(gallery.search(rows[0], 1)) == 1
        judge(gallery, "a/0", "a/1", same=True)  # one person whom the tracker followed twice
        assert verdicts()["a/1"] == (True, False)
        judge(gallery, "a/0", "b/0", same=False)
        hits = {hit.key: hit for hit in gallery.search(rows[0], queries=[query])}
        assert (hits["b/0"].accepted, hits["b/0"].said, hits["b/0"].score > 0.5) == (False, False, True)
        assert (hits["a/1"].said, hits["a/2"].said) == (True, None)
        (other,) = [hit for hit in gallery.search(rows[1], queries=[records[1]]) if hit.key == "b/0"]
        assert other.said is False, "it follows: a/1 is a/0, who is not b/0"


def test_many_seen_at_once_do_not_use_up_the_answers(tmp_path: Path) -> None:
    crowd = [Record(f"a/{i}", "a", 0.0, 9.0) for i in range(40)]
    others = [Record(f"b/{i}", "b", 0.0, 9.0) for i in range(3)]
    rows = np.repeat(vectors(1), 43, axis=0)
    rows[40:] += 0.5 * vectors(3, seed=1)  # less like the query than all who stand beside it
    with Gallery.open(tmp_path / "gallery", model=FINGERPRINT) as gallery:
        gallery.add([*crowd, *others], rows)
        hits = gallery.search(rows[0], 2, queries=crowd[:1])
    assert [hit.at_once for hit in hits] == [True] * 39 + [False] * 2
    assert [hit.rank for hit in hits] == list(range(1, 42))
