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
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from stca.errors import GalleryError
from stca.gallery.engine import Vector, Vectors
from stca.gallery.records import Added, Record, with_content
from stca.gallery.sqlite import connect, explained, set_up

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
        with explained(folder):
            if not path.is_file():
                return False
            with closing(connect(path, "ro", wait)) as db:
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
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            db = connect(folder / FILE, "rwc", wait)
            db.execute(f"PRAGMA page_size = {_PAGE}")
            set_up(db, wait)
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
        writable = os.access(path, os.W_OK) and os.access(folder, os.W_OK)
        with explained(folder):
            if not path.is_file():
                raise GalleryError(
                    "There is no gallery here",
                    expected=f"a folder with {FILE}",
                    found="a folder of something else" if folder.is_dir() else "no such folder",
                    where=folder,
                    hint="stca gallery add GALLERY TRACKS makes one",
                )
            db = connect(path, "rw" if writable else "ro", wait)
            try:
                if writable:
                    set_up(db, wait)
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
                db = connect(path, "ro&immutable=1", wait)
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
        with explained(self.folder):
            self._db.close()

    # ---- transactions ----

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the gallery for several reads, whoever writes meanwhile."""
        if self._db.in_transaction:
            yield
            return
        with explained(self.folder):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing; when it returns, it is on disk."""
        with explained(self.folder):
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
        with explained(self.folder):
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
        with explained(self.folder):
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
        data = [np.ascontiguousarray(vector, dtype="<f4").tobytes() for vector in vectors]
        named = [r if r.content else with_content(r, digest(d)) for r, d in zip(records, data, strict=True)]
        with self._writing():
            known = self._known([record.key for record in named])
            other = [r.key for r in named if r.key in known and known[r.key][1] != r.content]
            if other and not replace:
                raise GalleryError(
                    f"The gallery has another tracklet of the key {other[0]!r}",
                    expected="the same frames as when it was added",
                    where=self.folder,
                    hint="--replace (replace=True) puts the new one in its place",
                )
            for key in other:
                self._delete(known.pop(key)[0])
            new = [(r, d) for r, d in zip(named, data, strict=True) if r.key not in known]
            if new:
                self._insert(new)
                self._changed(removed=len(other))
        return Added(len(new) - len(other), len(named) - len(new), len(other))

    def _insert(self, rows: Sequence[tuple[Record, bytes]]) -> None:
        """Under numbers that were never used."""
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tracklets'").fetchone()
        first = (found[0] if found else 0) + 1
        self._db.executemany(
            f"INSERT INTO tracklets (id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(row, r.key, r.camera, r.first, r.last, r.person, r.label),
                    *(None if r.folder is None else str(r.folder), r.frames, r.content),
                )
                for row, (r, _) in enumerate(rows, first)
            ),
        )
        vectors = ((row, data) for row, (_, data) in enumerate(rows, first))
        self._db.executemany("INSERT INTO vectors VALUES (?, ?)", vectors)
        last = first + len(rows) - 1
        self._db.execute("INSERT INTO commits VALUES (?, ?)", (last, secrets.token_hex(8)))

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
        with self.reading():
            return {key: content for key, (_, content) in self._known(keys).items()}

    def _known(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Number and content of those keys that are there."""
        found: dict[str, tuple[int, str]] = {}
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"SELECT key, id, content FROM tracklets WHERE key IN ({marks})", some)
            found.update((key, (row, content)) for key, row, content in rows)
        return found

    def row(self, key: str) -> tuple[Record, Vector] | None:
        """Record and vector of a key; None where it is not there."""
        with self.reading():
            known = self._known([key])
            found = self.rows([known[key][0]])[0] if known else None
        return None if found is None else (found.record(), found.vector)

    def rows(self, ids: Sequence[int]) -> list[Row]:
        """Those that are there, in the order of their numbers."""
        marks = ",".join("?" * len(ids))
        with explained(self.folder):
            found = self._db.execute(
                f"SELECT id, vector, {_COLUMNS} FROM tracklets JOIN vectors USING (id) WHERE id IN ({marks})",
                ids,
            ).fetchall()
        return [Row(row[0], np.frombuffer(row[1], dtype="<f4"), row[2:]) for row in found]

    def records(self) -> Iterator[Record]:
        """All records, in the order in which they came."""
        with explained(self.folder):
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM tracklets ORDER BY id").fetchall()
        yield from map(_record, rows)

    def table(self, *, after: int = 0) -> list[tuple[int, str, float | None, float | None]]:
        """Number, camera, first and last of all rows with a higher number than `after`, in order."""
        with explained(self.folder):
            return self._db.execute(
                "SELECT id, camera, first, last FROM tracklets WHERE id > ? ORDER BY id", (after,)
            ).fetchall()

    def ids(self) -> Int64[np.ndarray, " N"]:
        """The numbers of all rows, in order."""
        with explained(self.folder):
            rows = self._db.execute("SELECT id FROM tracklets ORDER BY id").fetchall()
        return np.array(rows, dtype=np.int64).reshape(-1)

    def blocks(self, dim: int, *, after: int = 0, size: int = 4096) -> Iterator[Vectors]:
        """All vectors of higher numbers than `after`, in order, some at a time.

        Raises:
            GalleryError: a vector of another length: the file is damaged.

        """
        with explained(self.folder):
            cursor = self._db.execute("SELECT vector FROM vectors WHERE id > ? ORDER BY id", (after,))
            while rows := cursor.fetchmany(size):
                data = b"".join(row[0] for row in rows)
                if any(len(row[0]) != 4 * dim for row in rows):
                    raise GalleryError("A vector of the gallery is damaged", where=self.folder / FILE)
                yield np.frombuffer(data, dtype="<f4").reshape(len(rows), dim)

    def last_commit(self) -> tuple[int, str] | None:
        """The highest number of the last commit that added rows, and a token that no other commit has."""
        with explained(self.folder):
            found = self._db.execute("SELECT last_id, token FROM commits ORDER BY last_id DESC LIMIT 1")
            row = found.fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    def has_commit(self, last_id: int, token: str) -> bool:
        """Whether that commit is part of this gallery's past (a restored copy has another past)."""
        with explained(self.folder):
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


class Row(NamedTuple):
    """A row: its number, its vector, and what becomes its record if somebody wants it."""

    number: int
    vector: Vector
    rest: tuple[object, ...]

    @property
    def key(self) -> str:
        """Of its tracklet."""
        return str(self.rest[0])

    def record(self) -> Record:
        """All that is known of it."""
        return _record(self.rest)


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
