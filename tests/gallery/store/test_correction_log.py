"""The log in the gallery's file: made when first needed, whole or not at all, readable for older galleries."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from made_gallery import FINGERPRINT, record, vectors
from stca.errors import GalleryError
from stca.gallery import Gallery
from stca.gallery.corrections import Change
from stca.gallery.store.corrections import CorrectedStore
from stca.gallery.store.file import FILE
from stca.linking.persons import hide, merge_persons, split_person, undo

OLD = Path(__file__).parents[2] / "data" / "v0_1" / "gallery"


def has_log(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'corrections'").fetchall())


@pytest.fixture
def gallery(tmp_path: Path):
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as made:
        made.add([record(n) for n in range(6)], vectors(6))
        made.set_persons({record(n).key: n // 2 for n in range(6)})
        yield made


def test_an_older_gallery_is_read_and_gets_its_log_with_the_first_correction(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(OLD, folder)
    with Gallery.open(folder) as gallery:
        assert (gallery.corrections(), gallery.hidden(), gallery.log_state()) == ([], frozenset(), (0, 0))
        assert len(gallery.search(gallery.vectors()[0], 20)) == len(gallery)
        key = next(gallery.records()).key
        assert not has_log(folder)
        hide(gallery, [key])
        assert has_log(folder)
        assert len(gallery.search(gallery.vectors()[0], 20)) == len(gallery) - 1
        with closing(sqlite3.connect(folder / FILE)) as db:
            assert db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() == ("1",)


def test_an_older_gallery_that_can_only_be_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(f"file:{OLD / FILE}?mode=ro&immutable=1", uri=True)) as db:
        store = CorrectedStore(OLD, db, writable=False)
        assert (store.corrections(), store.hidden(), store.hidden_ids()) == ([], frozenset(), [])
        with pytest.raises(GalleryError, match="can only be read"):
            store.correct(lambda table: Change("hide", ("x",)))


def test_all_of_a_correction_is_written_or_nothing(gallery: Gallery) -> None:
    before = {r.key: r.person for r in gallery.records()}
    a, b = record(0).key, record(1).key
    with pytest.raises(GalleryError, match="invalid value"):
        gallery.correct(lambda table: Change("hide", (a,), persons={a: None, b: 2**70}))
    with pytest.raises(GalleryError, match="no tracklet 'x'"):
        gallery.correct(lambda table: Change("same", (a,), ("x",)))
    assert {r.key: r.person for r in gallery.records()} == before
    assert gallery.corrections() == []


def test_a_correction_of_another_process_comes_between(gallery: Gallery) -> None:
    with Gallery.open(gallery.path) as other:
        merge_persons(other, 0, 1)
        first = merge_persons(gallery, 0, 2)
        assert len(first.keys) == 4, "it saw the other's"
        assert [each.id for each in other.corrections()] == [1, 2]
        assert undo(other, 1).undone is not None
    assert {r.key: r.person for r in gallery.records()} == {
        record(n).key: person for n, person in enumerate((0, 0, 1, 1, 0, 0))
    }


def test_a_damaged_log_is_an_error(gallery: Gallery) -> None:
    hide(gallery, [record(0).key])
    with closing(sqlite3.connect(gallery.path / FILE)) as db, db:
        db.execute("UPDATE corrections SET contents = '['")
    with pytest.raises(GalleryError, match="log of corrections is damaged"):
        gallery.corrections()


def test_what_a_later_version_says_is_not_passed_over(gallery: Gallery) -> None:
    hide(gallery, [record(0).key])
    with closing(sqlite3.connect(gallery.path / FILE)) as db, db:
        db.execute("UPDATE corrections SET kind = 'adopt'")
    with pytest.raises(GalleryError, match="does not know: 'adopt'"):
        gallery.corrections()


def correct_for_ever(folder: Path) -> None:
    with Gallery.open(folder) as gallery:
        keys = [record.key for record in gallery.records()]
        while True:
            merge_persons(gallery, 0, 1)
            hide(gallery, keys[:1])
            split_person(gallery, keys[2:3])
            for entry in gallery.corrections()[-3:]:
                undo(gallery, entry.id)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_in_the_middle_of_corrections(gallery: Gallery) -> None:
    gallery.close()
    before = {record(n).key: n // 2 for n in range(6)}
    for turn in range(4):
        if not (child := os.fork()):
            try:
                correct_for_ever(gallery.path)
            finally:
                os._exit(1)
        with Gallery.open(gallery.path) as watching:
            begin = watching.log_state()[0]
            while watching.log_state()[0] < begin + 3 and not os.waitpid(child, os.WNOHANG)[0]:
                time.sleep(0.01)
        time.sleep(0.003 * turn)
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it worked until it was killed"
        with Gallery.open(gallery.path) as after:
            for entry in after.corrections():
                if entry.counts:
                    undo(after, entry.id)
            assert {r.key: r.person for r in after.records()} == before
            assert after.hidden() == frozenset()
