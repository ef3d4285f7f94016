"""Copies of a gallery's file, made and put back while others read and write.

A backup is a folder with `gallery.sqlite`, itself a gallery that can be opened. Index files are not in it:
they are built anew. Neither are the crops and what `stca serve` keeps.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.gallery import Gallery
from stca.gallery.index.file import erase_index
from stca.gallery.keeping.forgetting import RESTORING, finish_forgetting, is_forgetting_unfinished
from stca.gallery.keeping.targets import require_outside
from stca.gallery.store.erasing import ErasingStore
from stca.gallery.store.file import FILE, gallery_exists, open_file
from stca.gallery.store.sqlite import connect, sqlite_errors


def backup(gallery: Path, out: Path) -> int:
    """Copy a gallery as it is at one moment, whoever writes to it meanwhile.

    Args:
        gallery: its folder.
        out: a new folder, or an empty one; it appears whole or not at all.

    Returns:
        the number of tracklets.

    Raises:
        GalleryError: no gallery there, or it is damaged; a forgetting in it is not finished; something is at
            `out`; `out` is inside the gallery; a full disk.

    """
    _require_free(out)
    require_outside(out, gallery, what="A backup")
    with _new_folder(out) as new:
        with closing(open_file(gallery)[0]) as source:
            _copy(source, new / FILE)
        _check(new, gallery)
        with Gallery.open(new) as copied:
            count, unfinished = len(copied), is_forgetting_unfinished(copied)
            if not unfinished:
                _strike_notes(copied)
        if unfinished:
            raise GalleryError(
                "Something is being forgotten, and would be in the backup",
                where=gallery,
                hint="run `stca gallery forget GALLERY` without a key to finish it",
            )
    return count


def restore(backup: Path, gallery: Path, *, replace: bool = False, wait: float = 60.0) -> tuple[int, int]:
    """Put a backup back.

    What the gallery that is replaced has forgotten is forgotten in what comes back, too.

    Args:
        backup: folder that `backup` wrote; it stays as it is.
        gallery: a new folder, or with `replace` one with a gallery; others may have that open, and see the
            restored state from their next read on.
        replace: whether a gallery may be replaced.
        wait: seconds to wait for others to end a read or a write.

    Returns:
        the number of tracklets, and of those that were forgotten since the backup.

    Raises:
        GalleryError: no backup there, or a damaged one, or one of another gallery; a gallery is there and not
            `replace`; another folder is; it would be inside the backup; somebody reads or writes for longer
            than `wait`.

    """
    if replace and gallery_exists(gallery):
        return _replace(backup, gallery, wait)
    _require_free(gallery)
    require_outside(gallery, backup, what="A gallery")
    with _new_folder(gallery) as new:
        _restored_copy(backup, new)
        with Gallery.open(new) as copied:
            count = len(copied)
    return count, 0


def _replace(backup: Path, gallery: Path, wait: float) -> tuple[int, int]:
    if backup.resolve() == gallery.resolve():
        raise GalleryError("A gallery cannot be restored from itself", where=gallery)
    with tempfile.TemporaryDirectory(prefix=RESTORING, dir=gallery) as temporary:
        new = Path(temporary)
        _restored_copy(backup, new)
        with Gallery.open(new, wait=wait) as copied, Gallery.open(gallery, wait=wait) as present:
            _require_same(copied, present, backup)
            if is_forgetting_unfinished(present):
                finish_forgetting(present, wait=wait)
            again = copied.store.import_tombstones(*present.store.forgotten_marks())
            finish_forgetting(copied, wait=wait)
            copied.store.change_unerased(present.store.unerased(), ())
            count = len(copied)
            _file_of(present).replace_all(_file_of(copied), wait)
        erase_index(gallery)
    return count, again


def _file_of(gallery: Gallery) -> ErasingStore:
    assert isinstance(gallery.store, ErasingStore)  # it was opened by its folder
    return gallery.store


def _require_same(copied: Gallery, present: Gallery, backup: Path) -> None:
    if copied.store.meta("id") != present.store.meta("id"):
        raise GalleryError(
            "This is a backup of another gallery",
            expected="one of this gallery",
            found=backup,
            where=present.path,
            hint="restore it to a new folder",
        )


def _restored_copy(backup: Path, folder: Path) -> None:
    with closing(open_file(backup)[0]) as source:
        _copy(source, folder / FILE)
    _check(folder, backup)
    with Gallery.open(folder) as copied:
        _file_of(copied).begin_era()  # an index of what was there before is void


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """In one step: a read transaction that no writer disturbs."""
    with sqlite_errors(path.parent), closing(connect(path, "rwc", 60.0)) as target:
        source.backup(target)


def _strike_notes(copied: Gallery) -> None:
    """A backup says nothing of what could not be erased: only the gallery itself tries that again."""
    if notes := copied.store.unerased():
        copied.store.change_unerased((), notes)
        finish_forgetting(copied)


def _check(folder: Path, original: Path) -> None:
    """Raise GalleryError if the copy in a folder is damaged, as what it was made from then is too."""
    with sqlite_errors(folder), closing(connect(folder / FILE, "rw", 60.0)) as db:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise GalleryError("The copy of this gallery is damaged", found=found, where=original)


def _require_free(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        replaceable = gallery_exists(folder) if folder.is_dir() else False
        raise GalleryError(
            "There is a gallery already" if replaceable else "There is something else already",
            expected="a new folder",
            where=folder,
            hint="`stca gallery restore --force` puts a backup in a gallery's place" if replaceable else None,
        )


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A folder that gets its name at the end."""
    with sqlite_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        new.mkdir()
    try:
        yield new
        with sqlite_errors(path):
            if path.exists():
                path.rmdir()  # an empty one
            new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
