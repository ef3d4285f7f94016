"""Backups while others write, and putting them back."""

import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from kept_gallery import found_in, make_gallery, needles
from made_gallery import DIM, FINGERPRINT, record, vectors
from stca.errors import GalleryError
from stca.gallery import Gallery, ModelFingerprint, embedded
from stca.gallery.keeping import backup, forget, restore
from stca.gallery.store.file import FILE
from stca.linking.persons import name_person, persons

FORK = multiprocessing.get_context("fork")
KEY = "cam1/0004"


def add_one_by_one(folder: Path, count: int, done: object) -> None:
    rows = vectors(count)
    with Gallery.open(folder) as gallery:
        for number in range(count):
            gallery.add([record(number)], rows[number : number + 1])
            done.value = number + 1  # type: ignore[attr-defined]


def test_during_a_thousand_adds_every_backup_is_a_state_that_existed(tmp_path: Path) -> None:
    count, rows = 1000, vectors(1000)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    Gallery.open(tmp_path / "gallery", model=FINGERPRINT).close()
    done = FORK.Value("i", 0)
    process = FORK.Process(target=add_one_by_one, args=(tmp_path / "gallery", count, done))
    process.start()
    sizes = []
    while process.is_alive() or not sizes:
        name = tmp_path / f"backup{len(sizes)}"
        before = done.value
        size = backup(tmp_path / "gallery", name)
        assert before <= size <= done.value + 1
        assert restore(name, tmp_path / f"restored{len(sizes)}") == (size, 0)
        with Gallery.open(tmp_path / f"restored{len(sizes)}") as again:
            records, kept = again.table()
            assert [each.key for each in records] == [record(i).key for i in range(size)]
            assert np.allclose(kept, units[:size], atol=1e-6)
            if size:
                assert again.search(rows[size - 1], 1)[0].key == record(size - 1).key
        sizes.append(size)
    process.join()
    assert process.exitcode == 0
    assert sizes == sorted(sizes)
    assert len({size for size in sizes if 0 < size < count}) >= 2, "some were made in the midst of it"
    assert backup(tmp_path / "gallery", tmp_path / "last") == count


def test_an_open_gallery_is_replaced_under_its_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(embedded, "EXACT_VALUES", 100 * DIM)
    with make_gallery(tmp_path, more=300) as gallery:
        query = gallery.get(KEY)[1]
        answers = [hit.key for hit in gallery.search(query, 8)]
        name_person(gallery, 2, "Ada")
        size = backup(gallery.path, tmp_path / "backup")
        gallery.remove(*answers[1:4])
        gallery.add([record(i) for i in range(3)], vectors(3, seed=5))
        name_person(gallery, 2, "Grace")
        assert [hit.key for hit in gallery.search(query, 8)] != answers
        with pytest.raises(GalleryError, match="a gallery already"):
            restore(tmp_path / "backup", gallery.path)
        assert restore(tmp_path / "backup", gallery.path, replace=True) == (size, 0)
        assert [hit.key for hit in gallery.search(query, 8)] == answers
        assert next(person.name for person in persons(gallery) if person.number == 2) == "Ada"
        gallery.add([record(0)], vectors(1, seed=5))
        assert len(gallery) == size + 1


def test_what_was_forgotten_does_not_come_back(tmp_path: Path) -> None:
    with make_gallery(tmp_path) as gallery:
        backup(gallery.path, tmp_path / "backup")
        pieces = needles(gallery, KEY)
        forget(gallery, [KEY, "cam2/0001"])
        assert restore(tmp_path / "backup", gallery.path, replace=True) == (10, 2)
        assert gallery.get(KEY) is None
        assert found_in(gallery.path, pieces) == []
        record, vector = Gallery.open(tmp_path / "backup").get(KEY)
        assert gallery.add([record], vector[None]).forgotten == 1
        gallery.store.begin_erasing(["cam1/0003"], [], remember=True)
        with pytest.raises(GalleryError, match="being forgotten"):
            backup(gallery.path, tmp_path / "half")
        assert not (tmp_path / "half").exists()
        forget(gallery, ["cam1/0005"])  # with two secrets, or one
        assert sum(gallery.forgotten([record])) == 1


def test_a_backup_is_a_gallery(tmp_path: Path) -> None:
    with make_gallery(tmp_path) as gallery:
        answers = gallery.search(gallery.get(KEY)[1], 5)
        backup(gallery.path, tmp_path / "backup")
    shutil.rmtree(tmp_path / "gallery")
    with Gallery.open(tmp_path / "backup") as copy:
        assert copy.search(copy.get(KEY)[1], 5) == answers
    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == [FILE]


def test_what_is_refused(tmp_path: Path) -> None:
    with make_gallery(tmp_path) as gallery:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine").write_text("mine")
        with pytest.raises(GalleryError, match="something else"):
            backup(gallery.path, tmp_path / "full")
        with pytest.raises(GalleryError, match="no gallery"):
            backup(tmp_path / "full", tmp_path / "new")
        with pytest.raises(GalleryError, match="no gallery"):
            restore(tmp_path / "full", tmp_path / "new")
        assert not (tmp_path / "new").exists()
        other = Gallery.open(tmp_path / "other", model=ModelFingerprint.bare(DIM))
        other.close()
        backup(tmp_path / "other", tmp_path / "backup")
        with pytest.raises(GalleryError, match="another gallery"):
            restore(tmp_path / "backup", gallery.path, replace=True)
        assert len(gallery) == 12
        backup(gallery.path, tmp_path / "good")
        damage(tmp_path / "good" / FILE)
        with pytest.raises(GalleryError):
            restore(tmp_path / "good", gallery.path, replace=True)
        assert len(gallery) == 12
        assert gallery.search(vectors(1)[0], 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("backup", "full", "gallery", "good", "other", "tracks")
    ]
    assert not list(gallery.path.glob(".restore*"))


def damage(path: Path) -> None:
    with sqlite3.connect(path) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'vectors'").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 32768 : (page - 1) * 32768 + 64] = b"\xff" * 64
    path.write_bytes(data)


def test_a_rotten_backup_is_named_and_the_gallery_stays(tmp_path: Path) -> None:
    make_gallery(tmp_path).close()
    backup(tmp_path / "gallery", tmp_path / "rotten")
    data = bytearray((tmp_path / "rotten" / FILE).read_bytes())
    for place in range(20_000, len(data), 997):
        data[place] ^= 0xFF
    (tmp_path / "rotten" / FILE).write_bytes(data)
    for target, replace in ((tmp_path / "gallery", True), (tmp_path / "new", False)):
        with pytest.raises(GalleryError) as caught:
            restore(tmp_path / "rotten", target, replace=replace)
        assert "rotten" in str(caught.value)
        assert ".restore-" not in str(caught.value)
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "gallery").glob(".restore-*"))
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert len(gallery) == 12
