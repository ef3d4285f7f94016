"""Create and open a gallery's file, `gallery.sqlite`.

It is in write-ahead mode with `synchronous=FULL`: a commit returns when the log is on disk. Readers of other
processes see the last commit while a writer writes the next; a second writer waits.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.store.sqlite import connect, enable_wal, sqlite_errors

FILE = "gallery.sqlite"
_FORMAT = "1"
_PAGE = 32768
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tracklets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, camera TEXT NOT NULL,
    first REAL, last REAL, person INTEGER, label INTEGER, folder TEXT, frames INTEGER NOT NULL,
    content TEXT NOT NULL, clock TEXT NOT NULL DEFAULT '');
CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE commits (last_id INTEGER PRIMARY KEY, token TEXT NOT NULL);
"""


def gallery_exists(folder: Path, *, wait: float = 60.0) -> bool:
    """Whether the folder holds a gallery with a commit (a process may have been killed while creating it)."""
    path = folder / FILE
    with sqlite_errors(folder):
        if not path.is_file():
            return False
        with closing(connect(path, "ro", wait)) as db:
            try:
                return db.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN:
                    return True  # a read-only folder; `open_file` handles it
                raise


def create_file(folder: Path, meta: dict[str, str], *, wait: float = 60.0) -> sqlite3.Connection:
    """Create an empty gallery; if another process is creating the same one, the second opens it.

    Raises:
        GalleryError: the folder cannot be written.

    """
    with sqlite_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        db = connect(folder / FILE, "rwc", wait)
        try:
            db.execute(f"PRAGMA page_size = {_PAGE}")
            enable_wal(db, wait)
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    db.execute(statement)
                first = {"format": _FORMAT, "id": secrets.token_hex(8), "changes": "0", "removals": "0"}
                db.executemany("INSERT INTO meta VALUES (?, ?)", list((first | meta).items()))
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
    return db


def open_file(folder: Path, *, wait: float = 60.0) -> tuple[sqlite3.Connection, bool]:
    """Open an existing gallery; returns the connection and whether it is writable.

    Raises:
        GalleryError: no gallery in the folder, a damaged one, or one of a later version.

    """
    path = folder / FILE
    writable = os.access(path, os.W_OK) and os.access(folder, os.W_OK)
    with sqlite_errors(folder):
        if not path.is_file():
            raise GalleryError(
                "There is no gallery here",
                expected=f"a folder with {FILE}",
                found="a folder of something else" if folder.is_dir() else "no such folder",
                where=folder,
                hint=f"{folder / 'gallery'} is one"
                if (folder / "gallery" / FILE).is_file()  # beside the page that `stca find` writes
                else "stca gallery add GALLERY TRACKS makes one",
            )
        try:
            db = _open_checked(path, "rw" if writable else "ro", wait, writable=writable)
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise GalleryError(
                    "This file is no gallery", expected="what `stca gallery add` wrote", where=path
                ) from error
            log = path.with_name(FILE + "-wal")
            if writable or (log.is_file() and log.stat().st_size):
                raise
            # The folder is read-only and the log empty, so the file alone is complete.
            db = _open_checked(path, "ro&immutable=1", wait, writable=False)
    return db, writable


def _open_checked(path: Path, mode: str, wait: float, *, writable: bool) -> sqlite3.Connection:
    """Connect and check the format; the connection is closed on failure."""
    db = connect(path, mode, wait)
    try:
        if writable:
            enable_wal(db, wait)
        found = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        if not found or found[0] != _FORMAT:
            raise GalleryError(
                "This gallery is of another version",
                expected=f"format {_FORMAT}",
                found=found and found[0],
                where=path,
            )
        if writable:
            _add_clock(db)
    except BaseException:
        db.close()
        raise
    return db


def _add_clock(db: sqlite3.Connection) -> None:
    """Add the column that older galleries lack."""
    if has_clock(db):
        return
    db.execute("BEGIN IMMEDIATE")
    if not has_clock(db):  # another process may have been faster
        db.execute("ALTER TABLE tracklets ADD COLUMN clock TEXT NOT NULL DEFAULT ''")
    db.execute("COMMIT")


def has_clock(db: sqlite3.Connection) -> bool:
    """Whether the `clock` column exists (missing in old galleries that are read-only)."""
    return any(column[1] == "clock" for column in db.execute("PRAGMA table_info(tracklets)").fetchall())


def bytes_on_disk_of(folder: Path) -> int:
    """Size of all files in bytes; files that vanish meanwhile (another process saves an index) count as 0."""
    size = 0
    with sqlite_errors(folder):
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                size += path.stat().st_size if path.is_file() else 0
    return size


def can_create(folder: Path) -> bool:
    """Whether a gallery can be created: True for a missing or empty folder; otherwise a GalleryError."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return True
    except OSError as error:
        found = error.strerror or error
        raise GalleryError("This gallery's folder cannot be used", found=found, where=folder) from error
    # Left by a process that was killed while creating the gallery; it holds no commit.
    if folder.is_dir() and all(path.name.startswith(FILE) for path in folder.iterdir()):
        return True
    raise GalleryError(
        "A gallery needs a folder of its own",
        expected="a new or empty folder, or a gallery",
        found="a folder of something else" if folder.is_dir() else "a file",
        where=folder,
    )
