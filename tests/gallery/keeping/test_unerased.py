"""What could not be erased stays known until it is."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kept_gallery import found_in, make_gallery, needles
from stca.gallery import Gallery
from stca.gallery.index.file import FILE as INDEX_FILE
from stca.gallery.keeping import (
    backup,
    crops,
    expire,
    finish_forgetting,
    forget,
    forgetting,
    is_forgetting_unfinished,
    restore,
    watch_files,
    what_is_unerased,
)
from stca.linking.forgetting import forget_person
from stca.linking.persons import name_person
from stca.watch.events import Event, Outbox
from stca.watch.events.lines import EventFile

KEY = "cam1/0004"


@pytest.fixture
def gallery(tmp_path: Path):
    with make_gallery(tmp_path) as made:
        yield made


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a function raise what a disk that cannot be written raises, for paths with this text in them."""

    def refuse(module: object, name: str, text: str = "") -> None:
        real = getattr(module, name)

        def refused(path: Path, *rest: Any, **options: Any) -> Any:
            if text in str(path):
                raise PermissionError(30, "Read-only file system", str(path))
            return real(path, *rest, **options)

        monkeypatch.setattr(module, name, refused)

    return refuse


def tried_until_it_works(
    gallery: Gallery,
    left: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    again: Callable[[Gallery], Any] = finish_forgetting,
) -> Any:
    """Whoever forgets again is told the same, however often; then it works, and nothing is left to be told."""
    for _ in range(2):
        assert what_is_unerased(gallery) == (left,)
        assert finish_forgetting(gallery).tried_again == (left,)
    with Gallery.open(gallery.path) as other:  # it is on disk
        assert what_is_unerased(other) == (left,)
    assert forget(gallery, [], dry_run=True).tried_again in ((left,), ()), "and a dry run changes nothing"
    assert what_is_unerased(gallery) == (left,)
    monkeypatch.undo()
    done = again(gallery)
    assert (what_is_unerased(gallery), is_forgetting_unfinished(gallery)) == ((), False)
    return done


def forget_in_vain(tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any]) -> tuple[Path, str]:
    """Forget a tracklet whose crops cannot be erased: its folder, and what is said of it."""
    folder = tmp_path / "tracks" / KEY
    refusing(crops, "erase_file", KEY)
    left = f"{folder}: Read-only file system"
    assert forget(gallery, [KEY]).left == (left,)
    return folder, left


def test_crops(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = needles(gallery, KEY)
    folder = tmp_path / "tracks" / KEY
    count = len(list(folder.glob("*.jpg")))
    last = sorted(folder.glob("*.jpg"))[-1]
    refusing(crops, "erase_file", str(last))
    left = f"{folder}: Read-only file system"
    done = forget(gallery, [KEY])
    assert (done.keys, done.left, done.tried_again) == ((KEY,), (left,), (left,))
    assert gallery.get(KEY) is None
    assert not is_forgetting_unfinished(gallery), "of the gallery itself nothing is"
    done = tried_until_it_works(gallery, left, monkeypatch)
    assert (done.crops.folders, done.crops.files, done.left) == (1, 1, ())
    assert count > 1
    assert not folder.exists()
    assert found_in(tmp_path, pieces) == [], "nor is the note's text"
    assert finish_forgetting(gallery) == forgetting.Forgotten()


def test_what_is_away_is_kept_in_mind_until_it_is_back(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left = forget_in_vain(tmp_path, gallery, refusing)
    monkeypatch.undo()
    (tmp_path / "tracks" / "cam1").rename(tmp_path / "elsewhere")  # a disk that is not mounted
    done = forget(gallery, ["cam2/0002"])
    assert f"{folder}: its folder is not here now" in done.elsewhere
    assert what_is_unerased(gallery) == (left,)
    (tmp_path / "elsewhere").rename(tmp_path / "tracks" / "cam1")
    assert finish_forgetting(gallery).left == ()
    assert what_is_unerased(gallery) == ()
    assert not folder.exists()


def test_a_folder_that_cannot_be_looked_into_keeps_nobody_from_forgetting(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tracks" / KEY
    refusing(crops, "_is_there", KEY)
    left = f"{folder}: Read-only file system"
    assert forget(gallery, [KEY]).left == (left,), "not: there is no such folder"
    done = forget(gallery, ["cam2/0002"])
    assert done.left == (left,)
    assert gallery.get("cam2/0002") is None
    tried_until_it_works(gallery, left, monkeypatch)
    assert not folder.exists()


def test_expiring_tries_again_too(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left = forget_in_vain(tmp_path, gallery, refusing)
    again: Callable[[Gallery], Any] = lambda g: expire(g, 1.0, now=time.time() - 1e9)  # noqa: E731
    assert again(gallery).forgotten.left == (left,)
    tried_until_it_works(gallery, left, monkeypatch, again=again)
    assert not folder.exists()
    assert len(gallery) == 11


def test_a_folder_that_cannot_be_removed(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tracks" / KEY
    real = Path.rmdir
    monkeypatch.setattr(Path, "rmdir", lambda path: real(path) if path != folder else _refuse(path))
    left = f"{folder}: Read-only file system"
    assert forget(gallery, [KEY]).left == (left,)
    assert list(folder.iterdir()) == [], "only its name is left"
    tried_until_it_works(gallery, left, monkeypatch)
    assert not folder.exists()


def _refuse(path: Path) -> None:
    raise PermissionError(30, "Read-only file system", str(path))


def test_files_of_others_stay_and_are_named_until_they_are_gone(tmp_path: Path, gallery: Gallery) -> None:
    folder = tmp_path / "tracks" / KEY
    (folder / "note.txt").write_text("mine")
    left = f"{folder}: it also holds note.txt"
    assert forget(gallery, [KEY]).left == (left,)
    assert finish_forgetting(gallery).left == (left,)
    (folder / "note.txt").unlink()
    assert finish_forgetting(gallery).left == ()
    assert not folder.exists()
    assert what_is_unerased(gallery) == ()


def test_rows_of_the_tracks(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tmp_path / "tracks" / "cam1" / "tracks.txt"
    before = rows.read_text()
    assert ",4," in before
    refusing(crops, "replace_erasing", "tracks.txt")
    left = f"{rows.parent}, rows of the tracks: Read-only file system"
    assert forget(gallery, [KEY]).left == (left,)
    assert rows.read_text() == before
    tried_until_it_works(gallery, left, monkeypatch)
    numbers = [line.split(",")[1] for line in rows.read_text().splitlines()]
    assert "4" not in numbers
    assert numbers == [n for line in before.splitlines() if (n := line.split(",")[1]) != "4"]


def test_rows_of_another_video_by_now_are_not_touched(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = tmp_path / "tracks" / "cam1"
    shutil.copytree(camera, tmp_path / "before")
    refusing(crops, "replace_erasing", "tracks.txt")
    assert len(forget(gallery, [KEY]).left) == 1
    monkeypatch.undo()
    facts = json.loads((camera / "video.json").read_text())
    (camera / "video.json").write_text(json.dumps(facts | {"source": "another.mp4"}))
    rows = (camera / "tracks.txt").read_bytes()
    assert finish_forgetting(gallery).left == ()
    assert (camera / "tracks.txt").read_bytes() == rows
    assert what_is_unerased(gallery) == ()


def test_a_new_tracklet_in_the_same_folder_is_not_touched(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, other = tmp_path / "tracks" / KEY, tmp_path / "tracks" / "cam1" / "0005"
    shutil.copytree(other, tmp_path / "other")
    refusing(crops, "erase_file", KEY)
    refusing(crops, "replace_erasing", "tracks.txt")
    assert len(forget(gallery, [KEY]).left) == 2
    monkeypatch.undo()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "other", folder)  # tracked again
    rows = (folder.parent / "tracks.txt").read_bytes()
    files = sorted(path.name for path in folder.iterdir())
    assert finish_forgetting(gallery).left == (f"{folder}: it holds another tracklet now",)
    assert sorted(path.name for path in folder.iterdir()) == files
    assert (folder.parent / "tracks.txt").read_bytes() == rows
    assert finish_forgetting(gallery).left == (), "it was said once: nothing of the forgotten one is there"


def test_files_of_events(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    name_person(gallery, 1, "Ada")
    keys = [record.key for record in gallery.records() if record.person == 1]
    outbox, file = Outbox(tmp_path / "events.sqlite"), EventFile(tmp_path / "logs" / "events.jsonl")
    outbox.receive(file.name)
    others = [Event("seen", 2.0, "cam2", "cam2/9999", 1, "Ada", {"new": True})]
    for each in outbox.put([Event("seen", 1.0, "cam1", keys[0], 1, "Ada", {"new": True}), *others]):
        file.take(each)
    refusing(watch_files, "_rewrite_lines")
    left = f"{tmp_path}/logs/events.jsonl: Read-only file system"
    assert forget_person(gallery, "Ada").left == (left,)
    assert len(gallery.store.unerased()) == 2, "keys, and a name"
    outbox.keep_receivers([])  # the file is no longer written to, and is known all the same
    assert finish_forgetting(gallery).left == (left,)
    monkeypatch.undo()
    done = finish_forgetting(gallery)
    assert (done.watch.lines, done.left) == (2, ())
    text = (tmp_path / "logs" / "events.jsonl").read_text()
    assert "Ada" not in text
    assert keys[0] not in text
    assert "cam2/9999" in text
    assert what_is_unerased(gallery) == ()
    file.close()
    outbox.close()


def test_index_files(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = gallery.path / INDEX_FILE
    index.write_bytes(b"codes of everybody")
    refusing(forgetting, "erase_file", INDEX_FILE)
    left = f"{index}: Read-only file system"
    for _ in range(2):
        done = forget(gallery, [KEY] if gallery.get(KEY) else [])
        assert (done.left, done.tried_again, done.index_files) == ((left,), (left,), 0)
        assert is_forgetting_unfinished(gallery)
    monkeypatch.undo()
    done = finish_forgetting(gallery)
    assert (done.index_files, done.left) == (1, ())
    assert not index.exists()
    assert not is_forgetting_unfinished(gallery)


def test_a_crash_between_the_note_and_the_rows(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(crops, "erase_file", KEY)

    def crash() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(gallery.store, "erase_rows", crash)
    with pytest.raises(KeyboardInterrupt):
        forget(gallery, [KEY])
    assert len(what_is_unerased(gallery)) == 1
    monkeypatch.undo()
    done = finish_forgetting(gallery)
    assert (done.keys, done.left) == ((KEY,), ())
    assert not (tmp_path / "tracks" / KEY).exists()
    assert what_is_unerased(gallery) == ()


def test_notes_stay_with_the_gallery_and_are_in_no_backup(
    tmp_path: Path, gallery: Gallery, refusing: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(gallery.path, tmp_path / "old")
    refusing(crops, "erase_file", KEY)
    left = forget(gallery, [KEY]).left
    backup(gallery.path, tmp_path / "new")
    assert found_in(tmp_path / "new", {"key": KEY.encode()}) == []
    with Gallery.open(tmp_path / "new") as copy:
        assert what_is_unerased(copy) == ()
    assert what_is_unerased(gallery) == left
    assert restore(tmp_path / "old", gallery.path, replace=True) == (11, 1)
    assert what_is_unerased(gallery) == left, "a restore forgets what was forgotten, and what is to be erased"
    monkeypatch.undo()
    assert finish_forgetting(gallery).left == ()
    assert not (tmp_path / "tracks" / KEY).exists()
