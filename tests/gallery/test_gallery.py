"""The gallery beside a list of numpy rows, and what it refuses."""

import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import stca
from colour_network import write_colour_network
from made_gallery import CAMERAS, DIM, FINGERPRINT, record, slow_search, vectors
from stca.errors import GalleryError
from stca.gallery import Added, Gallery, Hit, ModelFingerprint, Record
from stca.gallery.store import file as store_file
from stca.gallery.store import transactions
from stca.gallery.store.file import FILE, has_clock
from stca.gallery.store.store import Store


@pytest.fixture
def gallery(tmp_path: Path):
    with Gallery.open(tmp_path / "gallery", model=FINGERPRINT) as made:
        yield made


def fill(gallery: Gallery, count: int, *, seed: int = 0) -> np.ndarray:
    rows = vectors(count, seed=seed)
    assert gallery.add([record(i) for i in range(count)], rows) == Added(added=count)
    return rows


class BesideAList(RuleBasedStateMachine):
    """Whatever is done in whatever order, two handles to one gallery and a dict say the same."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.gallery = Gallery.open(self.folder / "g", model=FINGERPRINT)
        self.reader = Gallery.open(self.folder / "g")
        self.rows: dict[str, tuple[Record, np.ndarray]] = {}
        self.persons: dict[str, int | None] = {}

    def teardown(self) -> None:
        self.gallery.close()
        self.reader.close()
        shutil.rmtree(self.folder)

    @rule(start=st.integers(0, 40), count=st.integers(1, 8), seed=st.integers(0, 2), replace=st.booleans())
    def add(self, start: int, count: int, seed: int, replace: bool) -> None:
        records = [record(i, content=f"{seed}") for i in range(start, start + count)]
        rows = vectors(60, seed=seed)[start : start + count]
        known = [r for r in records if r.key in self.rows]
        other = [r for r in known if self.rows[r.key][0].content != r.content]
        if other and not replace:
            with pytest.raises(GalleryError, match="another tracklet of the key"):
                self.gallery.add(records, rows)
            return
        done = self.gallery.add(records, rows, replace=replace)
        assert done == Added(len(records) - len(known), len(known) - len(other), len(other))
        for each, row in zip(records, rows, strict=True):
            if each.key not in self.rows or each in other:
                self.rows.pop(each.key, None)
                self.rows[each.key] = each, row
                self.persons[each.key] = None

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        keys = data.draw(st.lists(st.sampled_from(sorted(self.rows)), min_size=1, max_size=4))
        self.gallery.remove(*keys)
        for key in set(keys):
            del self.rows[key]

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), person=st.one_of(st.none(), st.integers(0, 9)))
    def name(self, data: st.DataObject, person: int | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        self.gallery.set_persons({key: person})
        self.persons[key] = person

    @rule()
    def reopen(self) -> None:
        self.gallery.close()
        self.gallery = Gallery.open(self.folder / "g", model=FINGERPRINT)

    @rule(
        number=st.integers(0, 59),
        k=st.integers(1, 12),
        cameras=st.one_of(st.none(), st.sets(st.sampled_from((*CAMERAS, "none"))).map(tuple)),
        time=st.one_of(st.none(), st.tuples(st.integers(0, 30), st.integers(30, 60))),
        itself=st.booleans(),
    )
    def search(self, number: int, k: int, cameras, time, itself: bool) -> None:
        query = vectors(60, seed=0)[number]
        without = record(number).key if itself else None
        wanted = slow_search(self.rows, query, k, cameras=cameras, time=time, without=without)
        for gallery in (self.gallery, self.reader):
            hits = gallery.search(query, k, cameras=cameras, time=time, without=without)
            assert [hit.key for hit in hits] == [key for key, _ in wanted]
            assert np.allclose([hit.score for hit in hits], [score for _, score in wanted], atol=1e-5)
            assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))

    @invariant()
    def same_rows(self) -> None:
        records = list(self.reader.records())
        assert [r.key for r in records] == list(self.rows)
        assert [r.person for r in records] == [self.persons[r.key] for r in records]
        kept = self.reader.vectors()
        for (_, row), unit in zip(self.rows.values(), kept, strict=True):
            assert np.allclose(unit, row / np.linalg.norm(row), atol=1e-6)
        assert len(self.reader) == self.reader.stats().tracklets == len(self.rows)


BesideAList.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
test_it_is_a_list = BesideAList.TestCase


def test_add_again_is_skipped_and_other_content_is_refused(gallery: Gallery) -> None:
    rows = fill(gallery, 10)
    again = [record(i) for i in range(10)]
    assert gallery.add(again, rows) == Added(skipped=10)
    with pytest.raises(GalleryError, match="another tracklet of the key 'north/0003'"):
        gallery.add(again, rows[[0, 1, 2, 9, *range(4, 10)]])
    assert gallery.add(again, rows) == Added(skipped=10), "nothing was written"


def test_a_refused_batch_writes_nothing(gallery: Gallery) -> None:
    rows = fill(gallery, 10)
    with pytest.raises(GalleryError, match="replace") as error:
        gallery.add([record(10), record(3)], rows[[5, 6]])
    assert "north/0003" in str(error.value)
    assert len(gallery) == 10
    assert gallery.add([record(10), record(3)], rows[[5, 6]], replace=True) == Added(1, 0, 1)
    assert gallery.search(rows[6], 1)[0].key in ("north/0003", "north/0006")


def test_all_that_is_kept_of_a_record_comes_back(gallery: Gallery) -> None:
    full = Record("a/1", "a", 1.5, 2.5, person=3, label=3, folder=Path("/x/a/1"), frames=7, content="c")
    bare = Record("b/ü", "b", content="d")
    gallery.add([full, bare], vectors(2))
    assert list(gallery.records()) == [full, bare]
    found = gallery.get("b/ü")
    assert found is not None
    assert found[0] == bare
    assert gallery.get("b") is None
    gallery.set_persons({"a/1": 8})
    assert gallery.get("a/1")[0] == dataclasses.replace(full, person=8)


def test_empty_gallery(gallery: Gallery) -> None:
    assert gallery.search(np.ones(DIM, np.float32)) == []
    assert gallery.vectors().shape == (0, DIM)
    assert list(gallery.records()) == []
    stats = gallery.stats()
    assert (stats.tracklets, stats.cameras, stats.first) == (0, {}, None)
    gallery.refresh()


def test_more_answers_than_rows(gallery: Gallery) -> None:
    rows = fill(gallery, 5)
    assert len(gallery.search(rows[0], 100)) == 5
    assert len(gallery.search(rows[0], 100, without=record(0).key)) == 4
    assert gallery.search(rows[0], cameras=()) == gallery.search(rows[0], cameras=("nowhere",)) == []
    assert {hit.record.camera for hit in gallery.search(rows[0], cameras="yard")} == {"yard"}


def test_scores_are_cosines(gallery: Gallery) -> None:
    gallery.add([record(0), record(1), record(2)], 7 * np.eye(3, DIM, dtype=np.float32))
    hits = gallery.search(np.array([0.1, -0.1, 0] + [0] * (DIM - 3), np.float32))
    assert np.allclose([hit.score for hit in hits], [np.sqrt(0.5), 0, -np.sqrt(0.5)], atol=1e-6)
    assert hits[0] == Hit(1, dataclasses.replace(record(0), content=hits[0].record.content), hits[0].score)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (np.ones((1, DIM + 1)), "another dimension"),
        (np.ones(DIM), "another dimension"),
        (np.full((1, DIM), np.nan), "no direction"),
        (np.full((1, DIM), np.inf), "no direction"),
        (np.zeros((1, DIM)), "no direction"),
        (np.ones((2, DIM)), "belong together"),
    ],
)
def test_vectors_that_are_refused(gallery: Gallery, bad: np.ndarray, complaint: str) -> None:
    fill(gallery, 3)
    with pytest.raises(GalleryError, match=complaint):
        gallery.add([record(50)], bad)
    assert len(gallery) == 3
    if complaint != "belong together" and bad.ndim == 2:
        with pytest.raises(GalleryError, match=complaint):
            gallery.search(bad[0])


def test_lengths_beyond_float32(gallery: Gallery) -> None:
    gallery.add([record(0), record(1)], np.full((2, DIM), 3e38, np.float32))
    assert np.allclose(np.linalg.norm(gallery.vectors(), axis=1), 1)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("value", [3e36, np.nan, np.inf, 0.0, 1.01])
def test_a_damaged_vector_is_an_error_and_not_a_wrong_answer(tmp_path: Path, value: float) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        rows = fill(gallery, 3)
        bad = (value * np.eye(1, DIM)).astype("<f4") if np.isfinite(value) else np.full(DIM, value, "<f4")
        gallery._store._db.execute("UPDATE vectors SET vector = ? WHERE id = 2", (bad.tobytes(),))
    with Gallery.open(tmp_path / "g") as gallery:
        for ask in (lambda: gallery.search(rows[0]), gallery.vectors, lambda: gallery.get(record(1).key)):
            with pytest.raises(GalleryError, match="A vector of the gallery is damaged"):
                ask()


@pytest.mark.usefixtures("as_users_run_it")
def test_numbers_of_numpy_are_kept_as_numbers(gallery: Gallery) -> None:
    given = Record(
        "a/1", "a", np.float32(1.5), np.float64(2), person=np.int64(7), label=np.int32(7), content="c"
    )
    gallery.add([given], vectors(1))
    assert list(gallery.records()) == [Record("a/1", "a", 1.5, 2.0, person=7, label=7, content="c")]
    gallery.set_persons({"a/1": np.int64(8)})
    assert type(gallery.get("a/1")[0].person) is int
    assert gallery.stats().persons == 1


@pytest.mark.usefixtures("as_users_run_it")
def test_values_that_no_row_holds(gallery: Gallery) -> None:
    fill(gallery, 1)
    for wrong in ({"person": "Ann"}, {"label": 2**63}, {"frames": 1.5}, {"camera": 3}, {"content": b"c"}):
        with pytest.raises(GalleryError, match=f"holds an invalid value(.|\\n)*{next(iter(wrong))}="):
            gallery.add([dataclasses.replace(record(1, content="c"), **wrong)], vectors(1))
    for person in ("Ann", 1.5, 2**63):
        with pytest.raises(GalleryError, match="holds an invalid value"):
            gallery.set_persons({record(0).key: person})
    assert [each.person for each in gallery.records()] == [None]


def test_names_that_are_not_utf8(gallery: Gallery) -> None:
    name = "ab\udcff"
    for ask in (
        lambda: gallery.get(name),
        lambda: gallery.remove(name),
        lambda: gallery.add([Record("a/1", name)], vectors(1)),
    ):
        with pytest.raises(GalleryError, match=r"UTF-8\n.*ab\\udcff"):
            ask()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM meta WHERE name = 'changes'",
        "UPDATE meta SET value = 'x' WHERE name = 'removals'",
        "UPDATE tracklets SET camera = CAST(X'ff41' AS TEXT)",
        "UPDATE tracklets SET folder = X'00ff'",
    ],
)
def test_flipped_bytes_in_rows(tmp_path: Path, damage: str) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        rows = fill(gallery, 3)
        gallery._store._db.execute(damage)
    with (
        pytest.raises(GalleryError, match=r"damaged|cannot be used"),
        Gallery.open(tmp_path / "g") as gallery,
    ):
        gallery.search(rows[0])


def test_calls_that_are_refused(gallery: Gallery) -> None:
    rows = fill(gallery, 3)
    with pytest.raises(GalleryError, match="k of at least 1"):
        gallery.search(rows[0], 0)
    with pytest.raises(GalleryError, match="ends before it begins"):
        gallery.search(rows[0], time=(5.0, 4.0))
    with pytest.raises(GalleryError, match="same key"):
        gallery.add([record(7), record(7)], rows[:2])
    with pytest.raises(GalleryError, match="did you mean 'south/0001'"):
        gallery.remove("north/0000", "suoth/0001")
    with pytest.raises(GalleryError, match="no tracklet 'x'"):
        gallery.set_persons({"north/0000": 1, "x": 2})
    assert len(gallery) == 3
    assert all(r.person is None for r in gallery.records())
    with pytest.raises(GalleryError, match="both times or none"):
        Record("a", "b", 1.0)
    with pytest.raises(GalleryError, match="first <= last"):
        Record("a", "b", 2.0, 1.0)
    with pytest.raises(GalleryError, match="key and a camera"):
        Record("", "b")


def test_places_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="no gallery here"):
        Gallery.open(tmp_path / "nothing")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(GalleryError, match="a folder of something else"):
        Gallery.open(tmp_path / "photos")
    with pytest.raises(GalleryError, match="folder of its own"):
        Gallery.open(tmp_path / "photos", model=FINGERPRINT)
    with pytest.raises(GalleryError, match="folder of its own"):
        Gallery.open(tmp_path / "photos" / "a.jpg", model=FINGERPRINT)
    with pytest.raises(GalleryError, match="no engine"):
        Gallery.open("milvus+http://somewhere", model=FINGERPRINT)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.jpg", "photos"]


def test_files_that_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / FILE).write_bytes(b"no database at all" * 500)
    with pytest.raises(GalleryError, match="damaged"):
        Gallery.open(folder)
    (folder / FILE).unlink()
    sqlite3.connect(folder / FILE).executescript("CREATE TABLE other (x); INSERT INTO other VALUES (1);")
    with pytest.raises(GalleryError, match="no gallery"):
        Gallery.open(folder)
    (folder / FILE).unlink()
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        gallery._store.set_meta("format", "7")
    with pytest.raises(GalleryError, match="another version"):
        Gallery.open(folder)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("content", [b"no database at all" * 500, b""])
def test_a_connection_is_closed_where_opening_fails(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).write_bytes(content)
    made, real = [], store_file.connect
    monkeypatch.setattr(store_file, "connect", lambda *given: made.append(real(*given)) or made[-1])
    for failing in (store_file.open_file, lambda folder: store_file.create_file(folder, {"id": None})):
        with pytest.raises(GalleryError):
            failing(tmp_path)
    assert len(made) == 2
    for each in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            each.execute("SELECT 1")


def test_more_answers_than_fit_one_question(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = fill(gallery, 50)
    at_once = gallery.search(rows[3], 40)
    monkeypatch.setattr(transactions, "_VALUES", 7)
    assert gallery.search(rows[3], 40) == at_once
    assert gallery.known([record(i).key for i in range(60)]).keys() == {record(i).key for i in range(50)}


def test_a_file_damaged_in_the_middle_is_an_error_and_not_a_wrong_answer(tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        rows = fill(gallery, 3000)
    path = tmp_path / "g" / FILE
    data = bytearray(path.read_bytes())
    data[65536 : len(data) - 32768] = bytes(len(data) - 32768 - 65536)
    path.write_bytes(data)
    with pytest.raises(GalleryError, match="damaged"), Gallery.open(tmp_path / "g") as gallery:
        gallery.search(rows[0])


@pytest.mark.parametrize("change", ["weights", "clip_len", "image_size", "neck", "dim", "preprocessing"])
def test_another_model_is_refused(tmp_path: Path, change: str) -> None:
    mark = ModelFingerprint("net", "a" * 32, (128, 64), 4, "after", DIM)
    Gallery.open(tmp_path / "g", model=mark).close()
    other = {"weights": "b" * 32, "clip_len": 8, "image_size": (256, 128), "neck": "before", "dim": 8}
    changed = dataclasses.replace(mark, **{change: {**other, "preprocessing": 2}[change]})
    with pytest.raises(GalleryError, match="not the model") as error:
        Gallery.open(tmp_path / "g", model=changed)
    assert change in str(error.value.expected)
    made = Gallery.open(tmp_path / "g", model=mark)
    assert made.fingerprint == Gallery.open(tmp_path / "g").fingerprint == mark
    with pytest.warns(DeprecationWarning, match="now Gallery.fingerprint"):
        assert made.mark == mark


def test_a_file_that_vanishes_while_it_is_counted(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process writes its index to a neighbour, which takes the index's name."""
    fill(gallery, 3)
    before = gallery.stats().bytes_on_disk
    (gallery.path / ".index.faiss.x").write_bytes(b"x" * 1000)
    real = Path.stat

    def stat(path: Path, **options: bool) -> object:
        found = real(path, **options)
        if path.name.startswith(".index"):
            path.unlink()
        return found

    monkeypatch.setattr(Path, "stat", stat)
    assert gallery.stats().bytes_on_disk == before


def test_the_mark_of_a_model() -> None:
    import torch

    made = [stca.create_model("stca_small", num_ids=n).eval() for n in (3, 5)]
    made[1].load_state_dict(
        {**made[0].state_dict(), "head.classifier.weight": made[1].head.classifier.weight}
    )
    first, second = map(ModelFingerprint.of, made)
    assert first == second, "the classifier plays no part"
    assert (first.image_size, first.clip_len, first.dim) == ((128, 64), 4, made[0].embedding_dim)
    assert ModelFingerprint.from_json(first.to_json()) == first
    assert ModelFingerprint.of(made[0], neck="before") != first
    assert ModelFingerprint.of(made[0].bfloat16().float()) != first
    with torch.no_grad():
        next(made[1].parameters()).mul_(1.001)
    assert ModelFingerprint.of(made[1]).weights != first.weights
    with pytest.raises(GalleryError, match="damaged"):
        ModelFingerprint.from_json("{}")


def same_weights(**options: object) -> stca.models.ReIDModel:
    models = [stca.create_model("stca_small", num_ids=3, **each).eval() for each in ({}, options)]
    models[1].load_state_dict(models[0].state_dict())
    return models[1]


@pytest.mark.parametrize("options", [{"fusion": "sum"}, {"temperature": 0.5}])
def test_options_that_change_vectors_are_part_of_the_mark(tmp_path: Path, options: dict[str, object]) -> None:
    model = same_weights(**options)
    mark = ModelFingerprint.of(model)
    plain = stca.create_model("stca_small", num_ids=3).eval()
    plain.load_state_dict(model.state_dict())
    with pytest.raises(GalleryError, match=next(iter(options))):
        ModelFingerprint.of(plain).require(mark, where=tmp_path)
    assert ModelFingerprint.of(same_weights(clip_len=4, fusion="official")).options == "", (
        "defaults, given or not"
    )


def test_pixels_are_part_of_the_mark(tmp_path: Path) -> None:
    path = write_colour_network(tmp_path / "net.onnx", np.ones((3, 8), np.float32))
    plain, same, raw = (
        ModelFingerprint.of(stca.models.ImageReID(path, **options))
        for options in ({}, {"pixels": "imagenet-rgb"}, {"pixels": "raw-rgb"})
    )
    assert plain == same
    with pytest.raises(GalleryError, match="pixels='raw-rgb'"):
        plain.require(raw, where=tmp_path)


def test_a_gallery_that_noted_no_options_still_takes_its_model(tmp_path: Path) -> None:
    model = same_weights(fusion="sum")
    before = dataclasses.replace(ModelFingerprint.of(model), options=None)
    Gallery.open(tmp_path / "g", model=before).close()
    Gallery.open(tmp_path / "g", model=model).close()
    noted = json.loads(before.to_json())
    del noted["options"]
    assert ModelFingerprint.from_json(json.dumps(noted)) == before


def test_what_is_known_of_a_tracklet_is_brought_up_to_date(gallery: Gallery) -> None:
    rows = fill(gallery, 12)
    with Gallery.open(gallery.path) as reader:
        assert len(reader.search(rows[0], 20, time=(0, 100))) == 10, "two have no times"
        later = dataclasses.replace(
            record(4), first=200.0, last=203.0, folder=Path("/moved"), label=3, person=3
        )
        moved = dataclasses.replace(record(5), camera="roof")
        assert gallery.add([record(3), later, moved, record(40)], rows[[3, 4, 5, 0]]) == Added(1, 1, 0, 2)
        for each in (gallery, reader):
            assert [hit.key for hit in each.search(rows[0], time=(150, 250))] == [later.key]
            assert [hit.key for hit in each.search(rows[0], cameras=("roof",))] == [moved.key]
            assert each.get(later.key)[0] == dataclasses.replace(
                later, content=each.get(later.key)[0].content
            )
        assert gallery.update([later, moved]) == 0
        assert gallery.update([record(5)]) == 1
        assert reader.search(rows[0], cameras=("roof",)) == []
    with pytest.raises(GalleryError, match="no tracklet 'cam/x'"):
        gallery.update([record(5), Record("cam/x", "cam")])


def test_a_person_that_linking_said_stays_when_the_label_changes(gallery: Gallery) -> None:
    fill(gallery, 2)
    gallery.set_persons({record(0).key: 8})
    assert gallery.update([dataclasses.replace(record(i), label=3, person=3) for i in range(2)]) == 2
    assert [(r.person, r.label) for r in gallery.records()] == [(8, 3), (3, 3)]
    assert gallery.update([dataclasses.replace(record(i), label=4, person=4) for i in range(2)]) == 2
    assert [(r.person, r.label) for r in gallery.records()] == [(8, 4), (4, 4)]


def test_a_gallery_without_clocks_is_read_and_learns_them(tmp_path: Path) -> None:
    """As galleries were made before."""
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        rows = fill(gallery, 5)
    connection = sqlite3.connect(tmp_path / "g" / FILE)
    connection.executescript(
        "ALTER TABLE tracklets DROP COLUMN clock; DELETE FROM meta WHERE name = 'updates'"
    )
    assert not has_clock(connection)
    read_only = Store(tmp_path / "g", connection, writable=False)
    assert [r.clock for r in read_only.records()] == [""] * 5
    read_only.close()
    with Gallery.open(tmp_path / "g") as gallery:
        assert [r.key for r in gallery.records()] == [record(i).key for i in range(5)]
        timed = dataclasses.replace(record(1), clock="south/1.mp4")
        assert gallery.add([timed, record(7)], rows[[1, 2]]) == Added(added=1, updated=1)
        assert [r.clock for r in gallery.records()] == ["", "south/1.mp4", "", "", "", ""]
