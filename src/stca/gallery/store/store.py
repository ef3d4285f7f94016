"""Records and vectors in SQLite: acknowledged writes survive kill -9 and a power cut.

Row ids are never reused (AUTOINCREMENT) and the vector of an id never changes, so that an index can tell by
ids alone which rows it lacks.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.engine import Vector, Vectors
from stca.gallery.records import Added, Record, updated_record
from stca.gallery.store.file import FILE, has_clock
from stca.gallery.store.rows import (
    COLUMNS,
    another_tracklet,
    digest,
    record_from_row,
    row_values,
    stored_vector,
)
from stca.gallery.store.sqlite import sqlite_errors
from stca.gallery.store.tombstones import Tombstones

_OFF = 2e-3
"""Tolerance on the squared length of a stored unit vector; rounding stays well below."""


class _Row(NamedTuple):
    record: Record
    content: str
    data: bytes


class Store(Tombstones):
    """The rows of one open gallery file. All methods raise GalleryError on SQLite errors."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        super().__init__(folder, connection, writable=writable)
        with sqlite_errors(folder):
            lacks = () if has_clock(connection) else ("clock",)
        self._columns = ", ".join(f"'' AS {name}" if name in lacks else name for name in COLUMNS)
        self._touched: set[int] | None = None

    def take_touched(self) -> list[int]:
        """Ids of rows that this connection may have changed since the last call; the first call begins it.

        Rows of which only metadata changed (`update`) are not among them.
        """
        with self._exclusive():
            touched, self._touched = self._touched or set(), set()
            return sorted(touched)

    def _touch(self, rows: Iterable[int]) -> None:
        if self._touched is not None:
            self._touched.update(rows)

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write one batch in one commit. For a key with the same content, only the metadata is updated.

        What was forgotten is left out and counted.

        Raises:
            GalleryError: a key is there with other content, and not `replace`; then nothing is written.

        """
        data = [stored_vector(vector) for vector in vectors]
        given = [_Row(r, r.content or digest(d), d) for r, d in zip(records, data, strict=True)]
        with self._write_transaction():
            lost = self.forgotten([replace_fields(row.record, content=row.content) for row in given])
            rows = [row for row, gone in zip(given, lost, strict=True) if not gone]
            records = [row.record for row in rows]
            known = self._ids_and_digests([record.key for record in records])
            other = [r.key for r, content, _ in rows if r.key in known and known[r.key][1] != content]
            if other and not replace:
                raise another_tracklet(other[0], self.folder)
            for key in other:
                self._delete_row(known.pop(key)[0])
            new = [row for row in rows if row.record.key not in known]
            changed = self._changed_records([record for record in records if record.key in known])
            if new or changed:
                self._insert(new)
                self._update_rows(changed)
                self._count_change(removed=len(other), updated=len(changed))
        return Added(
            added=len(new) - len(other),
            skipped=len(rows) - len(new) - len(changed),
            replaced=len(other),
            updated=len(changed),
            forgotten=sum(lost),
        )

    def update(self, records: Sequence[Record]) -> int:
        """Update the metadata of existing tracklets; returns how many changed.

        Raises:
            GalleryError: one of them is not there.

        """
        if not self._changed_records(records):  # no write lock, so that this works on a read-only gallery
            return 0
        with self._write_transaction():
            changed = self._changed_records(records)
            self._update_rows(changed)
            self._count_change(updated=len(changed))
        return len(changed)

    def _changed_records(self, records: Sequence[Record]) -> list[Record]:
        """The records that differ from the stored ones; a missing key is an error."""
        keys = [record.key for record in records]
        found = self._select(f"SELECT {self._columns} FROM tracklets WHERE key", keys)
        kept = {row[0]: record_from_row(row) for row in found}
        for record in records:
            if record.key not in kept:
                self._require_row(record.key)
        wanted = [updated_record(kept[record.key], record) for record in records]
        return [record for record in wanted if record != kept[record.key]]

    def _update_rows(self, records: Sequence[Record]) -> None:
        places = ", ".join(f"{name} = ?" for name in COLUMNS)
        self._db.executemany(
            f"UPDATE tracklets SET {places} WHERE key = ?",
            [(*row_values(record, record.content), record.key) for record in records],
        )

    def _insert(self, rows: Sequence[_Row]) -> None:
        """Insert under ids that were never used."""
        if not rows:
            return
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tracklets'").fetchone()
        first = (found[0] if found else 0) + 1
        self._db.executemany(
            f"INSERT INTO tracklets (id, {self._columns}) VALUES (?{', ?' * len(COLUMNS)})",
            ((number, *row_values(row.record, row.content)) for number, row in enumerate(rows, first)),
        )
        vectors = ((number, row.data) for number, row in enumerate(rows, first))
        self._db.executemany("INSERT INTO vectors VALUES (?, ?)", vectors)
        last = first + len(rows) - 1
        self._touch(range(first, last + 1))
        self._db.execute("INSERT INTO commits VALUES (?, ?)", (last, secrets.token_hex(8)))

    def _delete_row(self, row: int) -> None:
        self._touch([row])
        self._db.execute("DELETE FROM tracklets WHERE id = ?", (row,))
        self._db.execute("DELETE FROM vectors WHERE id = ?", (row,))

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of these keys, or none.

        Raises:
            GalleryError: one of them is not there.

        """
        with self._write_transaction():
            for key in keys:
                self._delete_row(self._require_row(key))
            if keys:
                self._count_change(removed=len(keys))

    def _require_row(self, key: str) -> int:
        number = self.number_of(key)
        if number is None:
            raise GalleryError(
                f"The gallery has no tracklet {key!r}", where=self.folder, hint="see `stca gallery list`"
            )
        return number

    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """Content digests of those keys that exist."""
        with self.read_transaction():
            return {key: content for key, (_, content) in self._ids_and_digests(keys).items()}

    def _ids_and_digests(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Row id and content digest of those keys that exist."""
        found = self._select("SELECT key, id, content FROM tracklets WHERE key", keys)
        return {key: (row, content) for key, row, content in found}

    def rows_of(self, keys: Sequence[str], dim: int) -> tuple[list[Record], Vectors]:
        """Records and vectors of those keys that exist, in the order of `keys`."""
        with self.read_transaction():
            known = self._ids_and_digests(keys)
            wanted = [known[key][0] for key in keys if key in known]
            records = self.records_of(wanted)
            ids, vectors = self.vectors_of(wanted, dim)
        place = {number: position for position, number in enumerate(ids)}
        return [records[number] for number in wanted], vectors[[place[number] for number in wanted]]

    def row(self, key: str, dim: int) -> tuple[Record, Vector] | None:
        """Record and vector of a key; None if there is none."""
        records, vectors = self.rows_of([key], dim)
        return (records[0], vectors[0]) if records else None

    def number_of(self, key: str) -> int | None:
        """Row id of a key; None if there is none."""
        found = self._query("SELECT id FROM tracklets WHERE key = ?", (key,))
        return int(found[0][0]) if found else None

    def records_of(self, ids: Sequence[int]) -> dict[int, Record]:
        """Records by row id, of those ids that exist."""
        found = self._select(f"SELECT id, {self._columns} FROM tracklets WHERE id", ids)
        return {row[0]: record_from_row(row[1:]) for row in found}

    def vectors_of(self, ids: Sequence[int], dim: int) -> tuple[list[int], Vectors]:
        """Row ids and vectors of those ids that exist.

        Raises:
            GalleryError: a vector of another dimension or length: the file is damaged.

        """
        found = list(self._select("SELECT id, vector FROM vectors WHERE id", ids))
        return [row[0] for row in found], self._stacked([row[1] for row in found], dim)

    def _stacked(self, blobs: Sequence[bytes], dim: int) -> Vectors:
        whole = all(len(blob) == 4 * dim for blob in blobs)
        vectors = np.frombuffer(b"".join(blobs) if whole else b"", dtype="<f4").reshape(-1, dim)
        squares = np.einsum("nd,nd->n", vectors, vectors)
        if not whole or not (abs(squares - 1) < _OFF).all():  # so are infinities and nan
            raise GalleryFileError("A vector of the gallery is damaged", where=self.folder / FILE)
        return vectors

    def records(self) -> list[Record]:
        """All records, in insertion order."""
        return [record for _, record in self.numbered_records()]

    def numbered_records(self) -> list[tuple[int, Record]]:
        """Row id and record of all rows, in insertion order."""
        found = self._query(f"SELECT id, {self._columns} FROM tracklets ORDER BY id")
        return [(row[0], record_from_row(row[1:])) for row in found]

    def persons_by_row(self) -> list[tuple[int, int | None]]:
        """Row id and person of all rows."""
        return self._query("SELECT id, person FROM tracklets")

    def table(self, *, after: int = 0) -> list[tuple[int, str, float | None, float | None]]:
        """Id, camera, first and last time of all rows with an id above `after`, in order."""
        return self._query("SELECT id, camera, first, last FROM tracklets WHERE id > ? ORDER BY id", (after,))

    def ids(self) -> Int64[np.ndarray, " N"]:
        """All row ids, in order."""
        ((text,),) = self._query("SELECT group_concat(id) FROM tracklets")  # a fifth of the time of N rows
        found: Int64[np.ndarray, " N"] = np.fromstring(text or "", dtype=np.int64, sep=",")
        return np.sort(found)

    def blocks(self, dim: int, *, after: int = 0, size: int = 4096) -> Iterator[Vectors]:
        """Vectors of all ids above `after`, in order, in blocks; to be called within `read_transaction`.

        Raises:
            GalleryError: a vector of another dimension or length: the file is damaged.

        """
        with sqlite_errors(self.folder):
            cursor = self._db.execute("SELECT vector FROM vectors WHERE id > ? ORDER BY id", (after,))
            while rows := cursor.fetchmany(size):
                yield self._stacked([row[0] for row in rows], dim)

    def last_commit(self) -> tuple[int, str] | None:
        """The highest number of the last commit that added rows, and a token that no other commit has."""
        found = self._query("SELECT last_id, token FROM commits ORDER BY last_id DESC LIMIT 1")
        return (int(found[0][0]), str(found[0][1])) if found else None

    def has_commit(self, last_id: int, token: str) -> bool:
        """Whether that commit is part of this gallery's past (a restored copy has another past)."""
        return self._query("SELECT token FROM commits WHERE last_id = ?", (last_id,)) == [(token,)]

    def counts(self) -> tuple[dict[str, int], int, float | None, float | None]:
        """Tracklets by camera, number of persons, earliest and latest time."""
        with self.read_transaction():
            counted = self._query("SELECT camera, count(*) FROM tracklets GROUP BY camera ORDER BY camera")
            ((persons, first, last),) = self._query(
                "SELECT count(DISTINCT person), min(first), max(last) FROM tracklets"
            )
        return dict(counted), persons, first, last
