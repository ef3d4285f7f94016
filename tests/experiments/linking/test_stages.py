"""What each stage loses: whose boxes are whose, by hand."""

import pytest
from experiments.linking.stages import majority, purity, renumbered, true_people

from stca.boxes import MotRow


def row(frame: int, track: int, left: float) -> MotRow:
    return MotRow(frame, track, left, 10.0, 20.0, 40.0)


TRUTH = {"cam1": [row(f, 7, 10 + f) for f in range(1, 11)] + [row(f, 8, 200 + f) for f in range(1, 11)]}
# Track 1 changes from person 7 to 8 after six frames, track 2 from 8 to 7, track 3 is of nobody.
TRACKS = {
    "cam1": [row(f, 1, (10 if f <= 6 else 200) + f + 2) for f in range(1, 11)]
    + [row(f, 2, (200 if f <= 6 else 10) + f - 2) for f in range(1, 11)]
    + [row(3, 3, 100.0)]
}


def test_every_box_belongs_to_whom_it_overlaps() -> None:
    people = true_people(TRACKS, TRUTH)
    assert [people["cam1", f, 1] for f in range(1, 11)] == [7] * 6 + [8] * 4
    assert [people["cam1", f, 2] for f in range(1, 11)] == [8] * 6 + [7] * 4
    assert people["cam1", 3, 3] == 0
    assert majority(TRACKS, people) == {1: 7, 2: 8, 3: 0}
    assert purity(people) == pytest.approx(12 / 20)


def test_nobody_twice_in_a_frame() -> None:
    people = true_people(TRACKS, TRUTH)
    same = renumbered(TRACKS, dict.fromkeys(people, 7))["cam1"]
    assert len(same) == 21
    assert len({(r.frame, r.track) for r in same}) == 21
    assert sum(r.track == 7 for r in same) == 10
    exact = renumbered(TRACKS, people)["cam1"]
    assert {r.track for r in exact if r.track < 1000} == {7, 8}
    assert sum(r.track >= 1000 for r in exact) == 1
