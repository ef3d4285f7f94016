"""What people correct in the gallery while it is watched, and what the watching writes into it."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from made_gallery import DIM, FINGERPRINT, vectors
from stca.errors import GalleryError, GalleryFileError
from stca.gallery import Gallery, Record
from stca.linking.persons import hide, merge_persons, name_person, split_person, undo
from stca.tracks import FoundTracklet
from stca.watch import storing
from stca.watch.clock import WallClock
from stca.watch.people.alerts import Alerts
from stca.watch.people.decisions import Decision
from stca.watch.people.identities import Identities
from stca.watch.storing import Persons

PEOPLE = {"a": 1, "b": 1, "c": 1, "d": 2, "e": None}


@pytest.fixture
def gallery(tmp_path: Path):
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as made:
        records = [Record(key, "north", float(n), n + 0.5) for n, key in enumerate(PEOPLE)]
        made.add(records, vectors(len(records)))
        made.set_persons(PEOPLE)
        yield made


def load(gallery: Gallery) -> tuple[Persons, Identities]:
    clock = WallClock(lambda: 100.0, lambda: 1000.0)
    ids = Identities(0.7, dim=DIM, new_number=gallery.reserve_number)
    return Persons(gallery, ids, clock), ids


def test_everybody_in_the_gallery_is_known(gallery: Gallery) -> None:
    persons, ids = load(gallery)
    assert {each.key: each.person for each in ids.sightings()} == {"a": 1, "b": 1, "c": 1, "d": 2}
    assert persons.unlinked == 1
    assert ids["b"].first == 1.0 - 900.0, "as a moment"
    assert [wanted.name for wanted in persons.wanted(["1", "e"])] == ["1", "e"]
    assert [row.key for row in persons.wanted(["1"])[0].rows()] == ["a", "b", "c"]
    with pytest.raises(GalleryError, match="nobody to give an alert for"):
        persons.wanted(["3"])


def test_a_saved_search_of_the_page_is_wanted(gallery: Gallery) -> None:
    pytest.importorskip("fastapi")
    from stca.web import schemas
    from stca.web.saved import SavedSearches

    persons, ids = load(gallery)
    with pytest.raises(GalleryError, match="name of a saved search"):
        persons.wanted(["the thief"])
    saved = SavedSearches(gallery.path / "serve")
    saved.add("the thief", schemas.SearchRequest(key="d", cameras=["yard"]), author="ann", row=0)
    saved.add("another", schemas.SearchRequest(key="a"), author="ann", row=0)
    (wanted,) = persons.wanted(["the thief"])
    assert [row.key for row in wanted.rows()] == ["d"]
    alerts = Alerts([wanted, *persons.wanted(["another"])], 0.9, visit=300.0)
    vector = ids["d"].vector
    assert alerts.check("x/0", "door", first=1.0, last=2.0, vector=vector) == [], "it is another camera"
    (alert,) = alerts.check("x/0", "yard", first=1.0, last=2.0, vector=vector)
    assert (alert.wanted, alert.like) == ("the thief", "d")
    gallery.remove("d")
    persons.follow()
    assert wanted.rows() == []
    with pytest.raises(GalleryError, match="did you mean 'another'"):
        persons.wanted(["anothr"])


def test_what_people_correct_is_followed(gallery: Gallery) -> None:
    persons, ids = load(gallery)
    assert persons.follow() == []
    merge = merge_persons(gallery, 1, 2)
    name_person(gallery, 1, "Ada")
    found = persons.follow()
    assert [(each.key, each.before, each.person, each.reason) for each in found] == [("d", 2, 1, "corrected")]
    assert persons.names == {1: "Ada"}
    assert ids.bound("d")
    undo(gallery, merge.id)
    assert [(each.key, each.person) for each in persons.follow()] == [("d", 2)]
    hide(gallery, ["c"])
    assert [(each.key, each.person) for each in persons.follow()] == [("c", None)]
    gallery.remove("a")
    persons.follow()
    assert sorted(each.key for each in ids.sightings()) == ["b", "d"]
    assert [row.key for row in persons.wanted(["1"])[0].rows()] == ["b", "c"]


def test_numbers_of_people_and_of_the_watching_never_clash(gallery: Gallery) -> None:
    _, ids = load(gallery)
    (decision,) = ids.observe("x/0", "x", first=0.0, last=1.0, vector=-ids["a"].vector, now=1.0)
    assert decision.person == 3, "nobody in the gallery has it yet"
    split = split_person(gallery, ["c"])
    assert gallery.persons_of(["c"]) == {"c": 4}
    assert not split.renumbered
    assert gallery.reserve_number() == 5


def test_revisions_are_written_unless_people_came_first(gallery: Gallery) -> None:
    persons, ids = load(gallery)
    merged = name_person(gallery, 2, "Bo")
    persons.follow()
    for each in list(ids.sightings()):
        if each.key == "d":
            ids.withdraw("d")
            each.person = 9
            ids.know(each)
    moved = [Decision("d", "north", 9, 2, "better match")]
    assert persons.move(moved)
    assert gallery.persons_of(["d"]) == {"d": 9}
    assert not next(each for each in gallery.corrections() if each.id == merged.id).renumbered
    merge_persons(gallery, 1, 9)
    assert not persons.move(moved), "somebody corrected meanwhile"
    assert [(each.key, each.person) for each in persons.follow()] == [("d", 1)]


def test_added_tracklets_have_their_person(gallery: Gallery, tmp_path: Path) -> None:
    crop = tmp_path / "door" / "0001" / "000001.jpg"
    crop.parent.mkdir(parents=True)
    crop.write_bytes(b"a crop")
    persons, _ = load(gallery)
    vector = np.eye(DIM, dtype=np.float32)[0]
    persons.add(FoundTracklet("door/0001", crop.parent, "door", (crop,), None), vector, 2)
    record, stored = gallery.get("door/0001") or (None, None)
    assert record is not None
    assert record.person == 2
    assert np.allclose(stored, vector)
    assert persons.follow() == [], "its own rows are no news"


def test_the_threshold_of_searches_grows_with_the_gallery(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = tmp_path / "door" / "0001" / "000001.jpg"
    crop.parent.mkdir(parents=True)
    crop.write_bytes(b"a crop")
    sizes: list[int] = []
    monkeypatch.setattr(storing, "keep_public_threshold", lambda gallery: sizes.append(len(gallery)))
    persons, _ = load(gallery)
    before = len(gallery)
    for number in range(40):
        found = FoundTracklet(f"door/{number:04d}", crop.parent, "door", (crop,), None)
        persons.add(found, np.eye(DIM, dtype=np.float32)[0], 2)
    assert sizes[0] == before + 1, "nobody knows for which size the present one was made"
    assert sizes == sorted(set(sizes))
    assert all(later <= 1.1 * earlier + 1 for earlier, later in itertools.pairwise(sizes))
    assert len(sizes) < 40, "not at every tracklet"
    gallery.remove(*(f"door/{number:04d}" for number in range(20)))
    persons.follow()
    persons.add(
        FoundTracklet("door/0050", crop.parent, "door", (crop,), None), np.eye(DIM, dtype=np.float32)[0], 2
    )
    assert sizes[-1] == len(gallery), "a smaller gallery has a lower one"


def test_a_damaged_calibration_stops_nobody_from_being_stored(gallery: Gallery, tmp_path: Path) -> None:
    crop = tmp_path / "door" / "0001" / "000001.jpg"
    crop.parent.mkdir(parents=True)
    crop.write_bytes(b"a crop")
    persons, _ = load(gallery)
    gallery._store.set_meta("calibration", "{")
    with pytest.raises(GalleryFileError, match="damaged"):
        gallery.calibration()
    vector = np.eye(DIM, dtype=np.float32)[0]
    for number in range(2):
        persons.add(FoundTracklet(f"door/{number:04d}", crop.parent, "door", (crop,), None), vector, 2)
    assert gallery.known(["door/0000", "door/0001"]).keys() == {"door/0000", "door/0001"}


def test_numbers_go_on_after_those_of_the_gallery(gallery: Gallery) -> None:
    """Or a tracklet of another folder, whose key is the same, would be replaced."""
    records = [Record(key, key[0], 1.0, 2.0) for key in ("n/0007", "n/0012", "n/x", "no/0020", "n/a/0030")]
    gallery.add(records, vectors(len(records)))
    persons, _ = load(gallery)
    assert [persons.next_number(camera) for camera in ("n", "no", "n/a", "north")] == [13, 21, 31, 0]
