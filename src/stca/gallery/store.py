"""Records and vectors in SQLite: what was acknowledged survives kill -9 and a power cut.

One file, `gallery.sqlite`, in write-ahead mode with `synchronous=FULL`: a commit returns when the log is on
disk. Readers of other processes see the state of the last commit while a writer writes the next; a second
writer waits. Row numbers are never used twice (AUTOINCREMENT) and vectors never change under their number,
so that an index knows by numbers alone what it lacks.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from stca.errors import GalleryError
from stca.gallery.engine import Vectors
from stca.gallery.records import Added, Record, with_content

FILE = "gallery.sqlite"
_FORMAT = "1"
_PAGE = 32768
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tracklets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, camera TEXT NOT NULL,
    first REAL, last REAL, person INTEGER, label INTEGER, folder TEXT, frames INTEGER NOT NULL,
    content TEXT NOT NULL);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE commits (last_id INTEGER PRIMARY KEY, token TEXT NOT NULL);
"""
_COLUMNS = "key, camera, first, last, person, label, folder, frames, content"


class Store:
    """One open gallery file. Its methods raise GalleryError for whatever SQLite complains about."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        self.folder, self.writable = folder, writable
        self._db = connection

    @staticmethod
    def is_begun(folder: Path, *, wait: float = 60.0) -> bool:
        """Whether something was ever committed there; a process may have been killed before."""
        path = folder / FILE
        with _explained(folder):
            if not path.is_file():
                return False
            with closing(_connect(f"{path.absolute().as_uri()}?mode=ro", wait)) as db:
                try:
                    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN:
                        return True  # a folder that can only be read; `open` knows what to do
                    raise

    @classmethod
    def create(cls, folder: Path, meta: dict[str, str], *, wait: float = 60.0) -> Store:
        """Make an empty gallery; of two processes that make the same one, the second opens it.

        Raises:
            GalleryError: the folder cannot be written.

        """
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            db = _connect(f"{(folder / FILE).absolute().as_uri()}?mode=rwc", wait)
            db.execute(f"PRAGMA page_size = {_PAGE}")
            _set_up(db, wait)
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    db.execute(statement)
                first = {"format": _FORMAT, "id": secrets.token_hex(8), "changes": "0", "removals": "0"}
                db.executemany("INSERT INTO meta VALUES (?, ?)", list((first | meta).items()))
            db.execute("COMMIT")
        return cls(folder, db, writable=True)

    @classmethod
    def open(cls, folder: Path, *, wait: float = 60.0) -> Store:
        """Open an existing gallery, for reading only where the folder cannot be written.

        Raises:
            GalleryError: no gallery there, a damaged one, or one of a later version.

        """
        path = folder / FILE
        uri = path.absolute().as_uri()
        writable = os.access(path, os.W_OK) and os.access(folder, os.W_OK)
        with _explained(folder):
            if not path.is_file():
                raise GalleryError(
                    "There is no gallery here",
                    expected=f"a folder with {FILE}",
                    found="a folder of something else" if folder.is_dir() else "no such folder",
                    where=folder,
                    hint="stca gallery add GALLERY TRACKS makes one",
                )
            db = _connect(f"{uri}?mode={'rw' if writable else 'ro'}", wait)
            try:
                if writable:
                    _set_up(db, wait)
                found = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    raise GalleryError(
                        "This file is no gallery", expected="what `stca gallery add` wrote", where=path
                    ) from error
                log = path.with_name(FILE + "-wal")
                if writable or (log.is_file() and log.stat().st_size):
                    raise
                # Nobody can write here and the log is empty, so the file alone is the whole truth.
                db = _connect(f"{uri}?mode=ro&immutable=1", wait)
                found = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        if not found or found[0] != _FORMAT:
            raise GalleryError(
                "This gallery is of another version",
                expected=f"format {_FORMAT}",
                found=found and found[0],
                where=path,
            )
        return cls(folder, db, writable=writable)

    def close(self) -> None:
        """Let go of the file."""
        with _explained(self.folder):
            self._db.close()

    # ---- transactions ----

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the gallery for several reads, whoever writes meanwhile."""
        if self._db.in_transaction:
            yield
            return
        with _explained(self.folder):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing; when it returns, it is on disk."""
        with _explained(self.folder):
            if not self.writable:
                raise GalleryError("This gallery can only be read", where=self.folder)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # ---- small notes ----

    def note(self, name: str) -> str | None:
        """What is noted under a name."""
        with _explained(self.folder):
            found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def set_note(self, name: str, value: str) -> None:
        """Note it down."""
        with self._writing():
            self._note(name, value)

    def _note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def counters(self) -> tuple[int, int]:
        """Commits that changed rows so far, and rows removed so far."""
        with _explained(self.folder):
            rows = self._db.execute("SELECT name, value FROM meta WHERE name IN ('changes', 'removals')")
            found = dict(rows.fetchall())
        return int(found["changes"]), int(found["removals"])

    def _changed(self, *, removed: int = 0) -> None:
        changes, removals = self.counters()
        self._note("changes", str(changes + 1))
        self._note("removals", str(removals + removed))

    # ---- rows ----

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows of one batch in one commit. A key with the same content is skipped.

        Raises:
            GalleryError: a key is there with other content, and not `replace`; then nothing is written.

        """
        done = Added()
        with self._writing():
            for record, vector in zip(records, vectors, strict=True):
                data = np.ascontiguousarray(vector, dtype="<f4").tobytes()
                done += self._add_one(with_content(record, digest(data)), data, replace=replace)
            if done.added or done.replaced:
                self._changed(removed=done.replaced)
                last = self._db.execute("SELECT max(id) FROM tracklets").fetchone()[0]
                self._db.execute("INSERT INTO commits VALUES (?, ?)", (last, secrets.token_hex(8)))
        return done

    def _add_one(self, record: Record, data: bytes, *, replace: bool) -> Added:
        known = self._db.execute("SELECT id, content FROM tracklets WHERE key = ?", (record.key,)).fetchone()
        if known and known[1] == record.content:
            return Added(skipped=1)
        if known and not replace:
            raise GalleryError(
                f"The gallery has another tracklet of the key {record.key!r}",
                expected="the same frames as when it was added",
                where=self.folder,
                hint="--replace (replace=True) puts the new one in its place",
            )
        if known:
            self._delete(known[0])
        row = self._db.execute(
            f"INSERT INTO tracklets ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(record.key, record.camera, record.first, record.last, record.person, record.label),
                *(None if record.folder is None else str(record.folder), record.frames, record.content),
            ),
        ).lastrowid
        self._db.execute("INSERT INTO vectors VALUES (?, ?)", (row, data))
        return Added(replaced=1) if known else Added(added=1)

    def _delete(self, row: int) -> None:
        self._db.execute("DELETE FROM tracklets WHERE id = ?", (row,))
        self._db.execute("DELETE FROM vectors WHERE id = ?", (row,))

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of those keys, or none.

        Raises:
            GalleryError: one of them is not there.

        """
        with self._writing():
            for key in keys:
                self._delete(self._row_of(key))
            if keys:
                self._changed(removed=len(keys))

    def set_persons(self, persons: dict[str, int | None]) -> None:
        """Say who those tracklets are, all at once.

        Raises:
            GalleryError: a key is not there; then nothing is written.

        """
        with self._writing():
            for key, person in persons.items():
                self._db.execute("UPDATE tracklets SET person = ? WHERE id = ?", (person, self._row_of(key)))

    def _row_of(self, key: str) -> int:
        found = self._db.execute("SELECT id FROM tracklets WHERE key = ?", (key,)).fetchone()
        if not found:
            raise GalleryError(
                f"The gallery has no tracklet {key!r}", where=self.folder, hint="see `stca gallery list`"
            )
        return int(found[0])

    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """The content of those keys that are there."""
        found: dict[str, str] = {}
        with self.reading():
            for start in range(0, len(keys), 500):
                some = keys[start : start + 500]
                marks = ",".join("?" * len(some))
                rows = self._db.execute(f"SELECT key, content FROM tracklets WHERE key IN ({marks})", some)
                found.update(rows.fetchall())
        return found

    def row(self, key: str) -> tuple[int, Record, Float32[np.ndarray, " D"]] | None:
        """Number, record and vector of a key; None where it is not there."""
        with _explained(self.folder):
            found = self._db.execute("SELECT id FROM tracklets WHERE key = ?", (key,)).fetchone()
            return None if found is None else self.rows([found[0]])[0]

    def rows(self, ids: Sequence[int]) -> list[tuple[int, Record, Float32[np.ndarray, " D"]]]:
        """Number, record and vector of those numbers that are there, in the order of numbers."""
        marks = ",".join("?" * len(ids))
        with _explained(self.folder):
            found = self._db.execute(
                f"SELECT id, vector, {_COLUMNS} FROM tracklets JOIN vectors USING (id) WHERE id IN ({marks})",
                tuple(map(int, ids)),
            ).fetchall()
        return [(row[0], _record(row[2:]), np.frombuffer(row[1], dtype="<f4")) for row in found]

    def records(self) -> Iterator[Record]:
        """All records, in the order in which they came."""
        with _explained(self.folder):
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM tracklets ORDER BY id").fetchall()
        yield from map(_record, rows)

    def table(self, *, after: int = 0) -> list[tuple[int, str, float | None, float | None]]:
        """Number, camera, first and last of all rows with a higher number than `after`, in order."""
        with _explained(self.folder):
            return self._db.execute(
                "SELECT id, camera, first, last FROM tracklets WHERE id > ? ORDER BY id", (after,)
            ).fetchall()

    def ids(self) -> Int64[np.ndarray, " N"]:
        """The numbers of all rows, in order."""
        with _explained(self.folder):
            rows = self._db.execute("SELECT id FROM tracklets ORDER BY id").fetchall()
        return np.array(rows, dtype=np.int64).reshape(-1)

    def blocks(self, dim: int, *, after: int = 0, size: int = 4096) -> Iterator[Vectors]:
        """All vectors of higher numbers than `after`, in order, some at a time.

        Raises:
            GalleryError: a vector of another length: the file is damaged.

        """
        with _explained(self.folder):
            cursor = self._db.execute("SELECT vector FROM vectors WHERE id > ? ORDER BY id", (after,))
            while rows := cursor.fetchmany(size):
                data = b"".join(row[0] for row in rows)
                if any(len(row[0]) != 4 * dim for row in rows):
                    raise GalleryError("A vector of the gallery is damaged", where=self.folder / FILE)
                yield np.frombuffer(data, dtype="<f4").reshape(len(rows), dim)

    def last_commit(self) -> tuple[int, str] | None:
        """The highest number of the last commit that added rows, and a token that no other commit has."""
        with _explained(self.folder):
            found = self._db.execute("SELECT last_id, token FROM commits ORDER BY last_id DESC LIMIT 1")
            row = found.fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    def has_commit(self, last_id: int, token: str) -> bool:
        """Whether that commit is part of this gallery's past (a restored copy has another past)."""
        with _explained(self.folder):
            found = self._db.execute("SELECT token FROM commits WHERE last_id = ?", (last_id,)).fetchone()
        return found is not None and found[0] == token

    def counts(self) -> tuple[dict[str, int], int, float | None, float | None]:
        """Tracklets by camera, number of persons, earliest and latest time."""
        with self.reading():
            cameras = dict(
                self._db.execute("SELECT camera, count(*) FROM tracklets GROUP BY camera ORDER BY camera")
            )
            persons, first, last = self._db.execute(
                "SELECT count(DISTINCT person), min(first), max(last) FROM tracklets"
            ).fetchone()
        return cameras, persons, first, last


def digest(data: bytes) -> str:
    """A short fingerprint of bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _record(row: Sequence[object]) -> Record:
    key, camera, first, last, person, label, folder, frames, content = row
    return Record(
        key=key,  # type: ignore[arg-type]
        camera=camera,  # type: ignore[arg-type]
        first=first,  # type: ignore[arg-type]
        last=last,  # type: ignore[arg-type]
        person=person,  # type: ignore[arg-type]
        label=label,  # type: ignore[arg-type]
        folder=None if folder is None else Path(str(folder)),
        frames=frames,  # type: ignore[arg-type]
        content=content,  # type: ignore[arg-type]
    )


def _connect(uri: str, wait: float) -> sqlite3.Connection:
    # Transactions are begun and ended here, not by the module; several threads may take turns.
    return sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)


def _set_up(db: sqlite3.Connection, wait: float) -> None:
    until = time.monotonic() + wait
    while db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:  # for this, SQLite does not wait by itself
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    db.execute("PRAGMA synchronous = FULL")  # a commit waits for the log to be on disk


_WORDS = {
    sqlite3.SQLITE_BUSY: ("Another process is writing to this gallery", "wait until it is done"),
    sqlite3.SQLITE_FULL: ("The disk is full", "make room; everything acknowledged so far is kept"),
    sqlite3.SQLITE_READONLY: ("This gallery can only be read", "check who may write to its folder"),
    sqlite3.SQLITE_CANTOPEN: ("This gallery cannot be opened", "check who may read and write its folder"),
    sqlite3.SQLITE_IOERR: (
        "This gallery's file cannot be read or written",
        "check the disk, its free space and quota; everything acknowledged so far is kept",
    ),
    sqlite3.SQLITE_NOTADB: (
        "This gallery's file is damaged",
        "restore a copy, or add the tracks to a new one",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "This gallery's file is damaged",
        "restore a copy, or add the tracks to a new one (`sqlite3 FILE .recover` saves what is readable)",
    ),
}


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """SQLite's complaints, in words."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        what, hint = _WORDS.get(code, ("This gallery's file cannot be used", None))
        raise GalleryError(what, found=error, where=folder / FILE, hint=hint) from error
    except OSError as error:
        found = error.strerror or error
        raise GalleryError("This gallery's folder cannot be used", found=found, where=folder) from error
