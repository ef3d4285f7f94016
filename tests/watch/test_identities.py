"""Online ids, against constructed people and against offline linking."""

from itertools import count

import numpy as np
import pytest

from stca.gallery.corrections import Correction, resolve
from stca.gallery.records import Record
from stca.linking import link
from stca.watch.people.alerts import Alerts, Wanted
from stca.watch.people.identities import Identities
from stca.watch.people.sightings import Sighting

DIM = 16
BASIS = np.eye(DIM, dtype=np.float32)


def near(number: int, other: int = 15, share: float = 0.0) -> np.ndarray:
    """A unit vector of cosine sqrt(1 - share^2) to a person's own."""
    vector = np.sqrt(1 - share**2) * BASIS[number] + share * BASIS[other]
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def identities(threshold: float = 0.7, **more: object) -> Identities:
    numbers = count(1)
    return Identities(threshold, dim=DIM, new_number=lambda: next(numbers), **more)  # type: ignore[arg-type]


def see(ids: Identities, key: str, vector: np.ndarray, first: float, last: float, now: float) -> list:
    return ids.observe(key, key.split("/")[0], first=first, last=last, vector=vector, now=now)


def test_new_known_and_elsewhere() -> None:
    ids = identities()
    (first,) = see(ids, "door/0", near(0), 0, 5, now=2)
    assert (first.person, first.before, first.reason) == (1, None, "new")
    (same,) = see(ids, "yard/0", near(0, share=0.3), 10, 15, now=12)
    assert (same.person, same.reason, same.like.key) == (1, "match", "door/0")
    assert same.score == pytest.approx(np.sqrt(1 - 0.09), abs=1e-5)
    (other,) = see(ids, "yard/1", near(1), 11, 15, now=13)
    assert (other.person, other.reason) == (2, "new")


def test_nobody_is_twice_in_one_camera_at_once() -> None:
    ids = identities()
    see(ids, "door/0", near(0), 0, 5, now=2)
    (twin,) = see(ids, "door/1", near(0), 3, 9, now=6)
    assert twin.reason == "new"
    (later,) = see(ids, "door/2", near(0), 20, 25, now=21)
    assert later.person == 1


def test_a_handover_is_one_person_and_more_is_not() -> None:
    """A tracklet that ended has its times from its side file, in thousandths; one that walks has not."""
    ids = identities()
    see(ids, "door/0", near(0), 10.0404, 15, now=12)
    (handed_over,) = see(ids, "door/1", near(0), 7, 10.9, now=13)
    assert handed_over.reason == "match"
    (other,) = see(ids, "door/2", near(0), 3, 8.2, now=14)
    assert other.reason == "new"
    (one_frame,) = see(ids, "door/3", near(0), 20.0404, 20.0404, now=21)
    (the_same_frame,) = see(ids, "door/4", near(0), 20.040, 20.040, now=21)
    assert one_frame.reason == "match"
    assert the_same_frame.person != one_frame.person


def test_ways_take_their_time() -> None:
    travel = {("yard", "door"): 10.0}
    ids = identities(travel=travel)
    see(ids, "door/0", near(0), 0, 5, now=2)
    assert see(ids, "yard/0", near(0), 14, 20, now=15)[0].reason == "new"
    assert see(ids, "yard/1", near(0), 30.5, 40, now=31)[0].reason == "match"


def test_a_better_vector_revises_within_the_window_only() -> None:
    for window, moves in ((60.0, True), (5.0, False)):
        ids = identities(window=window)
        see(ids, "door/0", near(0), 0, 5, now=2)
        see(ids, "door/1", near(1), 0, 5, now=2)
        blurred = near(0, 1, 0.6)
        assert see(ids, "yard/0", blurred, 20, 21, now=21)[0].person == 1
        again = see(ids, "yard/0", near(1), 20, 30, now=30)
        found = [(each.person, each.before, each.reason) for each in again]
        assert found == ([(2, 1, "better match")] if moves else [])


def test_who_no_longer_fits_becomes_somebody_new() -> None:
    ids = identities()
    see(ids, "door/0", near(0), 0, 5, now=2)
    see(ids, "yard/0", near(0), 20, 21, now=21)
    (again,) = see(ids, "yard/0", near(2), 20, 23, now=23)
    assert (again.person, again.before, again.reason) == (2, 1, "no longer alike")


def test_two_new_persons_merge_where_their_mean_cosine_says_so() -> None:
    ids = identities(threshold=0.8)
    see(ids, "door/0", near(0), 0, 5, now=2)
    see(ids, "yard/0", near(0, 1, 0.75), 10, 12, now=12)
    assert ids["yard/0"].person == 2
    merged = see(ids, "yard/0", near(0, 1, 0.2), 10, 14, now=14)
    assert [(each.key, each.person, each.before) for each in merged] == [("yard/0", 1, 2)]
    assert {each.key for each in ids.of_person(1)} == {"door/0", "yard/0"}
    assert ids.of_person(2) == []


def test_a_known_person_of_the_gallery_is_never_merged_away() -> None:
    ids = identities()
    numbers = {7: 0, 9: 0}
    for person, who in numbers.items():
        ids.know(Sighting(f"old/{person}", "old", None, None, near(who), person, stored=True))
    see(ids, "door/0", near(0), 0, 5, now=2)
    assert ids["door/0"].person == 7
    assert [len(ids.of_person(person)) for person in numbers] == [2, 1]


def test_tracking_joins_and_withdraws() -> None:
    ids = identities()
    see(ids, "door/0", near(0), 0, 5, now=2)
    see(ids, "door/1", near(1), 6, 8, now=7)
    (joined,) = ids.join("door/0", "door/1")
    assert (joined.key, joined.person, joined.before, joined.into) == ("door/1", 1, 2, "door/0")
    assert ids["door/0"].last == 8
    (renamed,) = ids.join("door/7", "door/0")
    assert (renamed.person, renamed.into) == (1, "door/7")
    assert ids["door/7"].person == 1
    (gone,) = ids.withdraw("door/7")
    assert (gone.person, gone.before) == (None, 1)
    assert not ids.sightings()


def correction(number: int, kind: str, keys: tuple[str, ...], others: tuple[str, ...]) -> Correction:
    return Correction(number, float(number), kind, keys, others)  # type: ignore[arg-type]


def test_corrections_bind() -> None:
    ids = identities()
    for key, who in (("door/0", 0), ("door/1", 1), ("yard/0", 0)):
        see(ids, key, near(who), 10.0 * len(ids.sightings()), 10.0 * len(ids.sightings()) + 5, now=40)
        ids[key].stored = True
    log = [
        correction(1, "different", ("door/0",), ("yard/0",)),
        correction(2, "same", ("door/1",), ("yard/0",)),
    ]
    moved = ids.correct(resolve(log), {"door/0": 1, "door/1": 2, "yard/0": 2}, renumbered=False, now=41)
    assert [(each.key, each.person, each.before, each.reason) for each in moved] == [
        ("yard/0", 2, 1, "corrected")
    ]
    assert see(ids, "yard/0", near(0), 20, 30, now=42) == [], "what people said is not revised"
    assert ids.enemies("yard/0") == {"door/0"}
    (hidden,) = ids.correct(resolve(log), {"door/0": None}, renumbered=False, now=43)
    assert (hidden.person, hidden.before) == (None, 1)
    assert "door/0" not in ids


def test_after_linking_anew_who_still_walks_is_decided_again() -> None:
    ids = identities()
    see(ids, "door/0", near(0), 0, 5, now=2)
    ids["door/0"].stored = True
    see(ids, "yard/0", near(0), 10, 15, now=12)
    found = ids.correct(resolve([]), {"door/0": 5}, renumbered=True, now=13)
    assert {(each.key, each.person) for each in found} == {("door/0", 5), ("yard/0", 5)}


@pytest.mark.parametrize("seed", range(5))
def test_at_the_end_persons_are_those_of_offline_linking_where_people_are_distinct(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.standard_normal((DIM, 6)))[0].T.astype(np.float32)
    ids, records, vectors = identities(threshold=0.5), [], []
    for number in range(30):
        who, camera = int(rng.integers(6)), f"cam{number % 3}"
        vector = centres[who] + 0.1 * rng.standard_normal(DIM).astype(np.float32)
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        first = 4.0 * number
        records.append(Record(f"{camera}/{number}", camera, first, first + 3))
        vectors.append(vector)
        see(ids, records[-1].key, vector, first, first + 3, now=first + 1)
    offline = link(records, np.stack(vectors), threshold=0.5).numbers()
    pairs = {(offline[r.key], ids[r.key].person) for r in records}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_an_alert_comes_once_for_each_visit() -> None:
    rows = [Sighting("old/1", "old", None, None, near(0), 7, stored=True)]
    alerts = Alerts([Wanted("7", lambda: rows)], threshold=0.8, visit=60)

    def check(key: str, vector: np.ndarray, first: float) -> list:
        return alerts.check(key, "x", first=first, last=first + 5, vector=vector)

    assert check("door/0", near(0, share=0.7), 0) == [], "0.71 is below"
    (alert,) = check("door/0", near(0, share=0.5), 0)
    assert (alert.wanted, alert.key, alert.like) == ("7", "door/0", "old/1")
    assert alert.score == pytest.approx(np.sqrt(0.75), abs=1e-5)
    assert check("door/0", near(0), 0) == [], "the same tracklet, better"
    assert check("yard/0", near(0), 30) == [], "the same visit, elsewhere"
    alerts.extend("yard/0", 100.0)
    assert check("door/1", near(0), 150) == []
    assert len(check("door/2", near(0), 300)) == 1, "another visit"
    assert alerts.check("x/1", "x", first=900, last=901, vector=near(0), excluded=frozenset({"old/1"})) == []
