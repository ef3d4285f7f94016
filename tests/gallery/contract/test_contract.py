"""What a gallery promises, on every engine: a folder, Milvus Lite, a real Milvus server."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from made_gallery import CAMERAS, DIM, FINGERPRINT, record, slow_search, vectors
from milvus_server import MilvusServer
from stca.errors import GalleryError
from stca.gallery import Added, Calibration, Gallery, ModelFingerprint, Record
from stca.gallery.keeping import (
    erase_page,
    expire,
    finish_forgetting,
    forget,
    forgetting,
    is_forgetting_unfinished,
    what_is_unerased,
)
from stca.gallery.milvus import engine, indexing, store, table
from stca.gallery.unit_vectors import unit_vectors
from stca.linking.persons import hide, judge, merge_persons, name_person, person_names, show, take_out, undo

Rows = dict[str, tuple[Record, np.ndarray]]
ENGINES = ["folder", "lite", pytest.param("server", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=ENGINES)
def new_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Places of new galleries, of one engine after the other."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "server":
        server: MilvusServer = request.getfixturevalue("milvus_server")
        # The log outlives a killed server too (test_crashes); waiting for the object store takes seconds.
        return lambda: f"{server.address}/g{secrets.token_hex(4)}?acknowledge=log"
    if request.param == "lite":
        pytest.importorskip("milvus_lite", reason="needs the extra stca[milvus]")
        return lambda: f"milvus://{folder}/{secrets.token_hex(4)}.db"
    return lambda: str(folder / secrets.token_hex(4))


@pytest.fixture
def place(new_place: Callable[[], str]) -> str:
    return new_place()


def rows_of(count: int, *, seed: int = 0) -> Rows:
    return {record(i).key: (record(i), vector) for i, vector in enumerate(vectors(count, seed=seed))}


def fill(gallery: Gallery, count: int, *, seed: int = 0) -> Rows:
    rows = rows_of(count, seed=seed)
    done = gallery.add([r for r, _ in rows.values()], np.stack([v for _, v in rows.values()]))
    assert done == Added(added=count)
    return rows


def test_search_equals_the_slow_one_with_every_filter(place: str) -> None:
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        rows = fill(gallery, 60)
        for number, query in enumerate(vectors(12, seed=1)):
            cameras = (None, CAMERAS[:2], ("none",), ())[number % 4]
            time = (None, (10, 30), (-np.inf, 20.0), (1e9, np.inf))[number // 3 % 4]
            without = record(number).key if number % 2 else None
            wanted = slow_search(rows, query, 10, cameras=cameras, time=time, without=without)
            hits = gallery.search(query, 10, cameras=cameras, time=time, without=without)
            assert [hit.key for hit in hits] == [key for key, _ in wanted], number
            assert np.allclose([hit.score for hit in hits], [score for _, score in wanted], atol=1e-5)


def test_what_is_kept_is_what_was_given(place: str) -> None:
    awkward = [
        Record(
            'a "b"/\\c\n0',
            'cam "1"',
            1.5,
            2.5,
            person=3,
            label=4,
            folder=Path("/x y/ä"),
            content="c",
            clock="v",
        ),
        Record("𝔲/%_'x", "cam\\2", None, None, person=-5, frames=7, content="d"),
        Record("plain", "cam 'x'", 0.0, 86_400.0 * 20_000, content="e"),
    ]
    given = vectors(3)
    with Gallery.open(place, model=FINGERPRINT, source="somewhere") as gallery:
        gallery.add(awkward, given)
    with Gallery.open(place) as gallery:
        assert list(gallery.records()) == awkward
        assert np.array_equal(gallery.vectors(), unit_vectors(given, dim=DIM, where=place))
        assert (gallery.fingerprint, gallery.source, len(gallery)) == (FINGERPRINT, "somewhere", 3)
        assert gallery.known(["plain", "no"]) == {"plain": "e"}
        for each, vector in zip(awkward, given, strict=True):
            assert gallery.get(each.key)[0] == each
            hits = gallery.search(vector, 1, cameras=[each.camera])
            assert [hit.record for hit in hits] == [each]
        assert gallery.get("no") is None
        records, taken = gallery.take(["plain", "no", awkward[0].key])
        assert [r.key for r in records] == ["plain", awkward[0].key]
        assert np.array_equal(taken, gallery.vectors()[[2, 0]])


def test_a_key_is_written_once(place: str) -> None:
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        rows = fill(gallery, 10)
        records, given = [r for r, _ in rows.values()], np.stack([v for _, v in rows.values()])
        assert gallery.add(records, given) == Added(skipped=10)
        with pytest.raises(GalleryError, match="another tracklet of the key 'north/0003'"):
            gallery.add([record(11), record(3)], given[:2])
        assert len(gallery) == 10, "nothing was written"
        assert gallery.add([record(3)], given[:1], replace=True) == Added(replaced=1)
        assert [r.key for r in gallery.records()][-1] == "north/0003", "a replaced row is a new one"
        moved = Record("north/0000", "yard", 1.7e9, 1.7e9 + 5)
        assert gallery.add([moved], given[:1]) == Added(updated=1)
        assert gallery.get("north/0000")[0].camera == "yard"
        assert [h.key for h in gallery.search(given[0], 1, time=(1.7e9 - 9, 1.7e9))] == ["north/0000"]
        assert gallery.update([moved]) == 0
        assert gallery.update([record(0)]) == 1
        assert gallery.search(given[0], 1, time=(1.7e9 - 9, 1.7e9)) == []
        with pytest.raises(GalleryError, match="no tracklet 'north/0099'"):
            gallery.update([record(99)])
        assert next(r.key for r in gallery.records()) == "north/0000", "an updated row stays where it is"
        assert len(gallery) == len(list(gallery.records())) == 10


def test_days(place: str) -> None:
    """Times around midnight, of three days and of none."""
    day, noon = 86_400.0, 1_769_860_800.0
    spans = [
        (noon, noon + 5),
        (noon + day, noon + day + 5),
        (noon + day / 2 - 5, noon + day / 2 + 5),
        None,
        (3.0, 9.0),
    ]
    records = [Record(f"r{i}", "c", *(span or (None, None))) for i, span in enumerate(spans)]
    rows = {r.key: (r, v) for r, v in zip(records, vectors(5), strict=True)}
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        gallery.add(records, vectors(5))
        for time in [
            (noon, noon),
            (noon + 6, noon + day),
            (noon - day, noon + 9 * day),
            (0.0, 5.0),
            (0.0, np.inf),
        ]:
            wanted = slow_search(rows, vectors(5)[0], 9, time=time)
            assert [h.key for h in gallery.search(vectors(5)[0], 9, time=time)] == [key for key, _ in wanted]
        assert gallery.stats().first == 3.0
        assert gallery.stats().last == noon + day + 5


def test_remove_takes_all_or_none(place: str) -> None:
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        fill(gallery, 10)
        with pytest.raises(GalleryError, match="no tracklet 'north/0099'"):
            gallery.remove("north/0000", "north/0099")
        assert len(gallery) == 10
        gallery.remove("north/0000", "north/0003")
        assert len(gallery) == 8
        assert gallery.get("north/0003") is None
        assert gallery.add([record(3)], vectors(1, seed=9)) == Added(added=1)


def test_another_model_is_refused(place: str) -> None:
    with pytest.raises(GalleryError, match="no gallery here"):
        Gallery.open(place)
    assert not Gallery.exists(place)
    Gallery.open(place, model=FINGERPRINT).close()
    assert Gallery.exists(place)
    for other in (ModelFingerprint.bare(DIM, "other"), ModelFingerprint.bare(DIM + 1)):
        with pytest.raises(GalleryError, match="not the model that made"):
            Gallery.open(place, model=other)
    with Gallery.open(place) as gallery:
        with pytest.raises(GalleryError, match="another dimension"):
            gallery.add([record(0)], np.ones((1, DIM + 1), np.float32))
        with pytest.raises(GalleryError, match="no direction"):
            gallery.search(np.zeros(DIM, np.float32))
        assert gallery.search(np.ones(DIM, np.float32)) == []


def test_persons_and_corrections(place: str) -> None:
    with Gallery.open(place, model=FINGERPRINT) as gallery, Gallery.open(place) as other:
        fill(gallery, 12)
        keys = [record(i).key for i in range(12)]
        assert gallery.set_persons({key: 1 + i % 3 for i, key in enumerate(keys[:9])})
        assert other.linkings() == 1
        assert other.person_numbers() == {key: 1 + i % 3 for i, key in enumerate(keys[:9])}
        state = gallery.log_state()
        assert name_person(gallery, 1, "Ada Ö").id == 1
        assert merge_persons(gallery, 1, 2, author="me").id == 2
        assert person_names(other)[1] == "Ada Ö"
        assert {r.key for r in other.records_of_persons([1])} == set(keys[0:9:3] + keys[1:9:3])
        assert not gallery.set_persons({keys[0]: 9}, log=state), "people have corrected since"
        judge(gallery, keys[0], keys[2], same=False)
        taken = take_out(gallery, keys[3])
        number = gallery.persons_of([keys[3]])[keys[3]]
        assert number not in (None, 1, 2, 3)
        undo(gallery, taken.id)
        assert other.persons_of([keys[3]]) == {keys[3]: 1}
        undo(gallery, 2)
        assert other.persons_of(keys[:3]) == {keys[0]: 1, keys[1]: 2, keys[2]: 3}
        with pytest.raises(GalleryError, match="undone already"):
            undo(gallery, 2)
        assert [(c.id, c.kind, c.counts) for c in other.corrections()] == [
            (1, "name", True),
            (2, "merge", False),
            (3, "different", True),
            (4, "take out", False),
        ]
        assert other.log_state() == (4, 2)
        assert other.stats().persons == 3
        assert gallery.reserve_number() != gallery.reserve_number()
        gallery.remove(keys[2])
        assert other.corrections()[2].gone == {keys[2]}
        with pytest.raises(GalleryError, match="no tracklet"):
            gallery.set_persons({keys[0]: 5, keys[2]: 5})
        assert other.persons_of([keys[0]]) == {keys[0]: 1}


def test_hidden_tracklets_are_not_found(place: str) -> None:
    with Gallery.open(place, model=FINGERPRINT) as gallery, Gallery.open(place) as other:
        rows = fill(gallery, 12)
        key, vector = next((k, v) for k, (_, v) in rows.items())
        assert other.search(vector, 1)[0].key == key
        hide(gallery, [key])
        assert other.hidden() == {key}
        assert key not in [h.key for h in other.search(vector, 12)]
        assert other.search(vector, 1, hidden=True)[0].key == key
        assert other.stats().hidden == 1
        show(gallery, [key])
        assert other.search(vector, 1)[0].key == key


def test_a_threshold_is_seen_by_others(place: str) -> None:
    calibration = Calibration(
        threshold=0.9, far=0.01, method="labels", searches=50, impostors=100, rows=12,
        dir_at_threshold=0.5, dir_at_1=0.5, dir_at_10=0.6,
    )  # fmt: skip
    with Gallery.open(place, model=FINGERPRINT) as gallery, Gallery.open(place) as other:
        rows = fill(gallery, 12)
        vector = next(v for _, v in rows.values())
        assert other.search(vector, 2)[0].accepted is None
        version = other.version()
        gallery.set_calibration(calibration)
        assert other.calibration() == calibration
        assert other.version() != version
        assert [h.accepted for h in other.search(vector, 12)] == [
            h.score >= 0.9 for h in other.search(vector, 12)
        ]


def test_what_is_forgotten_stays_so(place: str) -> None:
    now = 1.8e9
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        records = [Record(f"d/{i}", "d", now - 100 * i, now - 100 * i, content=f"{i}") for i in range(6)]
        gallery.add(records, vectors(6))
        gallery.set_persons({"d/1": 1, "d/2": 1})
        name_person(gallery, 1, "Ada")
        judge(gallery, "d/1", "d/2", same=True)
        assert forget(gallery, ["d/1"], dry_run=True).corrections == 2
        done = forget(gallery, ["d/1"], names=["Ada"])
        assert done.keys == ("d/1",)
        assert gallery.corrections() == []
        assert gallery.add(records, vectors(6)) == Added(skipped=5, forgotten=1)
        expired = expire(gallery, {"d": 350}, now=now)
        assert expired.forgotten.keys == ("d/4", "d/5")
        assert [r.key for r in gallery.records()] == ["d/0", "d/2", "d/3"]
        assert gallery.add(records[4:], vectors(6)[4:]) == Added(added=2), "expired ones may come again"


def test_what_could_not_be_erased_is_kept_until_it_is(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "people.html"
    page.write_text("everybody")
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        with monkeypatch.context() as patch:
            patch.setattr(forgetting, "erase_file", lambda path: path.rmdir())  # of a file: an OSError
            left = erase_page(gallery, page)
            assert erase_page(gallery, page) == left, "noted once"
            assert finish_forgetting(gallery).pages_left == left
        assert len(gallery.store.unerased()) == 1
    with Gallery.open(place) as gallery:
        assert what_is_unerased(gallery) == (f"{page}: Not a directory",)
        assert finish_forgetting(gallery).pages_left == ()
        assert (what_is_unerased(gallery), is_forgetting_unfinished(gallery)) == ((), False)
        assert not page.exists()


@pytest.mark.slow  # measuring takes half a minute in Milvus Lite
@pytest.mark.parametrize("kind", ["HNSW", "IVF_SQ8"])
def test_an_approximate_index_is_measured(place: str, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if "://" not in place:
        pytest.skip("the index of a folder has tests of its own")
    monkeypatch.setattr(indexing, "EXACT_VALUES", 0)
    monkeypatch.setattr(indexing, "HNSW_VALUES", 0 if kind == "IVF_SQ8" else 1 << 40)
    rows = rows_of(1100, seed=5)
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        gallery.add([r for r, _ in rows.values()], np.stack([v for _, v in rows.values()]))
        gallery.refresh()
        assert gallery.stats().index.startswith(f"Milvus, {kind}, ")
        assert "measured at 1,100 rows" in gallery.stats().index
        for cameras in (None, CAMERAS[:1]):
            found = 0
            for query in vectors(20, seed=6):
                wanted = {key for key, _ in slow_search(rows, query, 10, cameras=cameras)}
                found += len(wanted & {hit.key for hit in gallery.search(query, 10, cameras=cameras)})
            assert found >= 0.9 * 200, "of so few rows, measured on others than these queries"


def test_a_large_batch(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than one request takes, and than one page has; Milvus Lite is slow, so its are smaller."""
    small = "://" not in place or place.endswith(".db")
    count = 130 if small else 1300
    if small:
        monkeypatch.setattr(engine, "_BATCH", count // 3)
        monkeypatch.setattr(table, "_AT_ONCE", count // 3)
        monkeypatch.setattr(table, "_MOST_ROWS", count // 3)
        monkeypatch.setattr(store, "_AT_ONCE", count // 5)
    records = [Record(f"k/{i}", f"c{i % 7}", float(i), float(i)) for i in range(count)]
    given = vectors(count, seed=3)
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        assert gallery.add(records, given) == Added(added=count)
        gallery.refresh()
        assert [r.key for r in gallery.records()] == [r.key for r in records]
        assert gallery.set_persons({r.key: i for i, r in enumerate(records[: count // 2])})
        assert gallery.stats().persons == count // 2
        assert len(gallery) == count
        assert len(gallery.search(given[0], count - count // 13)) == count - count // 13
