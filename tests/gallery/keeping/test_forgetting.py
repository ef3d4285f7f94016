"""Forgetting: a search for bytes in the whole folder, interruptions, others that have the gallery open."""

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kept_gallery import TRACKS, everything_but, found_in, make_gallery, needles, records_of
from made_gallery import DIM, vectors
from stca.errors import GalleryError
from stca.gallery import Added, Gallery, embedded
from stca.gallery.index.file import FILE as INDEX_FILE
from stca.gallery.index.file import load_index
from stca.gallery.keeping import crops as crops_of
from stca.gallery.keeping import finish_forgetting, forget, forgetting, is_forgetting_unfinished
from stca.gallery.store.erasing import ErasingStore
from stca.gallery.store.file import FILE
from stca.linking.forgetting import forget_person
from stca.linking.persons import hide, judge, merge_persons, name_person, persons, split_person

KEY = "cam1/0004"
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def gallery(tmp_path: Path):
    with make_gallery(tmp_path) as made:
        yield made


def test_nothing_of_it_is_found(tmp_path: Path, gallery: Gallery) -> None:
    before = {record.key: gallery.get(record.key) for record in gallery.records()}
    pieces = needles(gallery, KEY)
    assert len(found_in(tmp_path, pieces)) >= 10, "the search finds it as long as it is there"
    hit = gallery.search(before[KEY][1], 12)
    done = forget(gallery, [KEY])
    assert done.keys == (KEY,)
    assert (done.crops.folders, done.crops.files, done.left) == (1, len(pieces) - 7, ())
    assert found_in(tmp_path, pieces) == []
    after = {record.key: gallery.get(record.key) for record in gallery.records()}
    del before[KEY]
    assert {key: record for key, (record, _) in after.items()} == {key: r for key, (r, _) in before.items()}
    assert all(np.array_equal(after[key][1], before[key][1]) for key in after)
    answers = [each.key for each in gallery.search(pieces_vector(pieces), 12)]
    assert answers == [each.key for each in hit if each.key != KEY]
    assert not is_forgetting_unfinished(gallery)
    for record in gallery.records():
        assert record.folder.is_dir()


def pieces_vector(pieces: dict[str, bytes]) -> np.ndarray:
    return np.frombuffer(pieces["vector"], dtype="<f4")


def test_what_an_earlier_version_left_in_free_pages_is_gone(tmp_path: Path, gallery: Gallery) -> None:
    """A SQLite that does not erase what it frees leaves bytes; forgetting another tracklet cleans the file."""
    pieces = {"vector": needles(gallery, "cam2/0001")["vector"]}
    gallery.store._db.execute("PRAGMA secure_delete = OFF")
    gallery.remove("cam2/0001")
    gallery.close()
    assert found_in(tmp_path / "gallery", pieces)
    with Gallery.open(tmp_path / "gallery") as again:
        forget(again, [KEY])
        assert found_in(tmp_path / "gallery", pieces) == []


def test_files_beside_the_crops(tmp_path: Path, gallery: Gallery) -> None:
    camera = tmp_path / "tracks" / "cam1"
    lines = (camera / "tracks.txt").read_text().splitlines()
    (camera / "0004" / "note.txt").write_text("mine")
    (camera / "zones.json").write_text(
        json.dumps(
            {
                "zones": [{"name": "door", "points": [[0, 0], [9, 0], [9, 9]]}],
                "visits": [
                    {
                        "zone": "door",
                        "track": track,
                        "tracklet": f"cam1/{track:04d}",
                        "entered": 1.0,
                        "left": 3.0,
                    }
                    | {"seconds": 2.0, "began_inside": False, "ended_inside": False}
                    for track in (3, 4)
                ],
            }
        )
    )
    (camera / "zones.csv").write_text("whatever,cam1/0004\n")
    done = forget(gallery, [KEY])
    kept = (camera / "tracks.txt").read_text().splitlines()
    assert kept == [line for line in lines if line.split(",")[1] != "4"]
    assert 0 < len(kept) < len(lines)
    video = json.loads((camera / "video.json").read_text())
    assert video["tracks"] == len({line.split(",")[1] for line in kept})
    zones = json.loads((camera / "zones.json").read_text())
    assert [visit["tracklet"] for visit in zones["visits"]] == ["cam1/0003"]
    assert zones["zones"][0]["visits"] == 1
    assert "cam1/0004" not in (camera / "zones.csv").read_text()
    assert [path.name for path in (camera / "0004").iterdir()] == ["note.txt"], "what is not ours stays"
    assert len(done.left) == 1
    assert "note.txt" in done.left[0]


@pytest.mark.parametrize("what", ["no side file", "a link", "another tracklet"])
def test_a_folder_that_is_not_the_tracklets_stays(tmp_path: Path, gallery: Gallery, what: str) -> None:
    folder = tmp_path / "tracks" / "cam1" / "0004"
    if what == "no side file":
        (folder / "tracklet.json").unlink()
    elif what == "a link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        shutil.rmtree(folder)
        shutil.copytree(folder.with_name("0005"), folder)
    crops = sorted(path.name for path in folder.iterdir())
    done = forget(gallery, [KEY])
    assert sorted(path.name for path in folder.iterdir()) == crops
    assert len(done.left) == 1
    assert gallery.get(KEY) is None


def test_it_is_not_learnt_again(tmp_path: Path, gallery: Gallery) -> None:
    shutil.copytree(tmp_path / "tracks", tmp_path / "copy")
    record, vector = gallery.get(KEY)
    forget(gallery, [KEY])
    assert gallery.add([record], vector[None]) == Added(forgotten=1)
    again = records_of(tmp_path / "copy")
    assert sum(gallery.forgotten(again)) == 1
    done = gallery.add(again, vectors(12))
    assert (done.forgotten, done.added, done.skipped + done.updated) == (1, 0, 11)
    moved = next(each for each in again if each.key == KEY)
    assert gallery.forgotten([everything_but(moved)]) == [True], "the same key at the same time"
    renamed = replace(moved, key="yard/0001", camera="yard")
    later = replace(everything_but(moved), first=moved.first + 1e5, last=moved.last + 1e5)
    assert gallery.forgotten([renamed, later]) == [True, False], "the same crops; somebody else's later"
    with sqlite3.connect(tmp_path / "gallery" / FILE) as db:
        marks = [row[0] for row in db.execute("SELECT mark FROM forgotten")]
    assert len(marks) == 2
    assert all(len(mark) == 32 for mark in marks)


def test_a_dry_run_changes_nothing(tmp_path: Path, gallery: Gallery) -> None:
    name_person(gallery, 2, "Ada")
    files = {path: path.read_bytes() for path in tmp_path.rglob("*.jpg")}
    would = forget_person(gallery, "Ada", dry_run=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jpg")} == files
    assert len(gallery) == 12
    assert not is_forgetting_unfinished(gallery)
    did = forget_person(gallery, "Ada")
    assert (set(would.keys), would.crops.files) == (set(did.keys), did.crops.files)
    assert would.corrections == did.corrections == 1


def test_an_unknown_key_changes_nothing(gallery: Gallery) -> None:
    with pytest.raises(GalleryError, match="cam1/9999"):
        forget(gallery, [KEY, "cam1/9999"])
    assert len(gallery) == 12


# ---- persons and corrections ----


def test_a_person_goes_with_the_name(tmp_path: Path, gallery: Gallery) -> None:
    name_person(gallery, 1, "Grace")
    name_person(gallery, 2, "Ada Lovelace")
    keys = {record.key for person in persons(gallery) if person.number == 2 for record in person.records}
    assert len(keys) == 3
    one = sorted(keys)[0]
    split_person(gallery, [one])  # the log still names them Ada Lovelace
    assert found_in(tmp_path / "gallery", {"name": b"Ada Lovelace"})
    done = forget_person(gallery, "Ada Lovelace")
    assert set(done.keys) == keys - {one}
    assert found_in(tmp_path / "gallery", {"name": b"Ada Lovelace"}) == []
    assert {person.name for person in persons(gallery)} == {"Grace", None}
    with pytest.raises(GalleryError, match="no person"):
        forget_person(gallery, "Ada Lovelace")


def test_the_log_loses_the_key(tmp_path: Path, gallery: Gallery) -> None:
    people = {person.number: [r.key for r in person.records] for person in persons(gallery)}
    first, second = people[1], people[2]
    judge(gallery, first[0], second[0], same=False)
    judge(gallery, first[1], second[1], same=False)
    name_person(gallery, 1, "Grace")
    merge_persons(gallery, 1, 2)
    hide(gallery, [people[3][0]])
    made = gallery.log_state()
    forget(gallery, [first[0]])
    kinds = [each.kind for each in gallery.corrections()]
    assert kinds == ["different", "name", "merge", "hide"], "a verdict about nobody is none"
    assert gallery.corrections()[1].keys == tuple(first[1:])
    assert found_in(tmp_path / "gallery", {"key": first[0].encode()}) == []
    assert gallery.log_state() == made, "the count of corrections made never goes back"
    assert next(p.name for p in persons(gallery) if p.number == 1) == "Grace"
    forget(gallery, second)
    assert [each.kind for each in gallery.corrections()] == ["name", "hide"]


# ---- the index ----


@pytest.fixture
def small_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(embedded, "EXACT_VALUES", 100 * DIM)


def codes_of(gallery: Gallery, key: str) -> bytes:
    """The 8-bit codes of a row as its index file has them."""
    import faiss

    index = gallery._engine._index.faiss_index
    refine = faiss.downcast_index(faiss.downcast_index(index.index).refine_index)
    codes = faiss.vector_to_array(refine.codes).reshape(int(index.ntotal), -1)
    return codes[[record.key for record in gallery.records()].index(key)].tobytes()


def test_the_index_is_made_anew(tmp_path: Path, small_exact: None) -> None:
    with make_gallery(tmp_path, more=400) as gallery:
        gallery.refresh()
        old = gallery.path / INDEX_FILE
        pieces = needles(gallery, KEY) | {"codes": codes_of(gallery, KEY)}
        assert any("codes" in each for each in found_in(gallery.path, pieces))
        stale = old.read_bytes()
        number = gallery.store.number_of(KEY)
        assert number in load_index(gallery.path).ids
        with Gallery.open(gallery.path) as other:
            other.search(pieces_vector(pieces), 3)  # has the codes in memory
            (gallery.path / f".{INDEX_FILE}.tmp").write_bytes(stale)  # of a process that was killed
            assert forget(gallery, [KEY]).index_files == 2
            assert found_in(tmp_path, pieces) == []
            saved = load_index(gallery.path)
            assert saved is not None, "made anew at once"
            assert number not in saved.ids
            assert len(saved.index) == len(gallery), "no codes of the row, of 4 bits neither"
            other.refresh()
            assert len(other._engine._index) == len(gallery)
            assert KEY not in [hit.key for hit in other.search(pieces_vector(pieces), 20)]
            assert found_in(tmp_path, pieces) == []
        old.write_bytes(stale)  # an index of before is void, wherever it comes from
        with Gallery.open(gallery.path) as other:
            assert KEY not in [hit.key for hit in other.search(pieces_vector(pieces), 20)]
            assert len(other._engine._index) == len(gallery)


# ---- interruptions and other processes ----

MOMENTS: dict[str, tuple[object, str]] = {
    "before the crops": (forgetting, "erase_crops"),
    "after the crops": (forgetting, "erase_from_watch"),
    "before the rows": (ErasingStore, "erase_rows"),
    "after the rows": (ErasingStore, "clean_file"),
    "before the index": (forgetting, "index_files"),
    "at the end": (ErasingStore, "end_erasing"),
}


def killed_at(place: object, name: str, work: Callable[[], object]) -> None:
    """Do the work in another process, which is killed when it calls that function."""

    def run() -> None:
        setattr(place, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        work()

    process = FORK.Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_called_again(tmp_path: Path, moment: str) -> None:
    with make_gallery(tmp_path) as gallery:
        name_person(gallery, 2, "Ada Lovelace")
        pieces = needles(gallery, KEY) | {"name": b"Ada Lovelace"}
        keys = [record.key for record in gallery.records() if record.person == 2]
        assert KEY in keys

    def work() -> None:
        with Gallery.open(tmp_path / "gallery") as mine:
            forget_person(mine, "Ada Lovelace")

    killed_at(*MOMENTS[moment], work)
    with Gallery.open(tmp_path / "gallery") as again:
        assert is_forgetting_unfinished(again)
        journal = dict(again.store._query("SELECT name, value FROM meta")) | {
            f"{i}": row[0] for i, row in enumerate(again.store._query("SELECT mark FROM erasing"))
        }
        assert not any(KEY in value or "Ada" in value for value in journal.values())
        assert again.add(records_of(TRACKS), vectors(12)).forgotten == len(keys), "from the first moment on"
        finish_forgetting(again)
        assert not is_forgetting_unfinished(again)
        assert {record.key for record in again.records()}.isdisjoint(keys)
        assert len(again) == 12 - len(keys)
    assert found_in(tmp_path, pieces) == []


def test_a_reader_in_another_process(tmp_path: Path, gallery: Gallery) -> None:
    pieces = needles(gallery, KEY)
    ours, theirs = FORK.Pipe()

    def read() -> None:
        db = sqlite3.connect(tmp_path / "gallery" / FILE, isolation_level=None)
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM vectors").fetchone()
        theirs.send("reading")
        theirs.recv()
        db.execute("COMMIT")
        theirs.send("done")
        theirs.recv()

    process = FORK.Process(target=read)
    process.start()
    assert ours.recv() == "reading"
    with pytest.raises(GalleryError, match="not yet from its files") as error:
        forget(gallery, [KEY], wait=0.1)
    assert "goes on" in str(error.value)
    assert gallery.get(KEY) is None
    assert found_in(tmp_path, pieces)
    ours.send("end")
    assert ours.recv() == "done"
    finish_forgetting(gallery)  # the other still has the file open
    assert found_in(tmp_path, pieces) == []
    ours.send("end")
    process.join(10)


@pytest.mark.slow
def test_the_blocks_of_the_file_system(tmp_path: Path) -> None:
    """On ext4, nothing is left in the blocks either, as long as the gallery was open since the rows came."""
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        pytest.skip("mounting a file system needs the right to")
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(96 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], capture_output=True).returncode:
        pytest.skip("this system mounts no images")
    try:
        with make_gallery(place) as gallery:
            pieces = needles(gallery, KEY)
            os.sync()
            assert {what for what, piece in pieces.items() if piece in image.read_bytes()} > {"vector", "key"}
            forget(gallery, [KEY])
            os.sync()
    finally:
        subprocess.run(["umount", str(place)], check=True)
    data = image.read_bytes()
    assert [what for what, piece in pieces.items() if piece in data] == []


def test_a_damaged_file_of_a_camera_does_not_stop_it(tmp_path: Path, gallery: Gallery) -> None:
    (record,) = (each for each in gallery.records() if each.key == KEY)
    (record.folder.parent / "video.json").write_text("{")
    done = forget(gallery, [KEY])
    assert done.keys == (KEY,)
    assert not record.folder.exists()
    assert gallery.get(KEY) is None
    assert f",{int(KEY[-4:])}," not in "".join(
        line[line.index(",") :][:8] for line in (record.folder.parent / "tracks.txt").read_text().splitlines()
    )


def test_crops_of_somebody_else_are_left(tmp_path: Path, gallery: Gallery) -> None:
    records = {each.key: each for each in gallery.records()}
    mine, other = records[KEY].folder, records["cam1/0003"].folder
    pictures = sorted(other.glob("*.jpg"))
    for path in mine.glob("*.jpg"):
        path.write_bytes(pictures[0].read_bytes())
    done = forget(gallery, [KEY])
    assert done.crops.files == 0
    assert len(done.left) == 1
    assert "its crops are others" in done.left[0]
    assert len(list(mine.glob("*.jpg"))) > 0
    assert gallery.get(KEY) is None, "the row is gone all the same"


def test_a_row_that_was_added_without_a_digest_of_its_crops(tmp_path: Path, gallery: Gallery) -> None:
    (record,) = (each for each in gallery.records() if each.key == KEY)
    found = gallery.get(KEY)
    gallery.remove(KEY)
    gallery.add([replace(record, content="")], found[1][None])
    assert forget(gallery, [KEY]).crops.files > 0
    assert not record.folder.exists()


def test_somebody_else_forgets_the_same_and_is_faster(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = crops_of._own_track

    def read_before_it_goes(record):
        track = read(record)
        shutil.rmtree(record.folder)
        return track

    monkeypatch.setattr(crops_of, "_own_track", read_before_it_goes)
    done = forget(gallery, [KEY])
    assert (done.keys, done.left) == ((KEY,), ())
    assert gallery.get(KEY) is None
