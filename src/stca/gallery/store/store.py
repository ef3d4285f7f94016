"""Records and vectors in SQLite: what was acknowledged survives kill -9 and a power cut.

Row numbers are never used twice (AUTOINCREMENT) and vectors never change under their number, so that an
index knows by numbers alone what it lacks.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from stca.errors import GalleryError
from stca.gallery.engine import Vector, Vectors
from stca.gallery.records import Added, Record, brought_up
from stca.gallery.store.file import FILE, has_clock
from stca.gallery.store.rows import COLUMNS, digest, record_of_row, stored, values_of
from stca.gallery.store.sqlite import explained
from stca.gallery.store.transactions import Transactions

_OFF = 2e-3
"""How far from 1 a kept vector's squared length may be; rounding makes less."""


class _Row(NamedTuple):
    record: Record
    content: str
    data: bytes


class Store(Transactions):
    """The rows of one open gallery file. All methods raise GalleryError for what SQLite complains about."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        super().__init__(folder, connection, writable=writable)
        with explained(folder):
            lacks = () if has_clock(connection) else ("clock",)
        self._columns = ", ".join(f"'' AS {name}" if name in lacks else name for name in COLUMNS)

    def counters(self) -> tuple[int, int, int]:
        """Commits that changed rows so far, rows removed so far, and rows updated so far."""
        found = dict(
            self._ask("SELECT name, value FROM meta WHERE name IN ('changes', 'removals', 'updates')")
        )
        try:
            return int(found["changes"]), int(found["removals"]), int(found.get("updates", 0))
        except (KeyError, ValueError) as error:
            raise GalleryError(
                "This gallery's file is damaged", expected="its counters", found=found, where=self.folder
            ) from error

    def _changed(self, *, removed: int = 0, updated: int = 0) -> None:
        changes, removals, updates = self.counters()
        self._note("changes", str(changes + 1))
        self._note("removals", str(removals + removed))
        self._note("updates", str(updates + updated))

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows of one batch in one commit. Of a key with the same content, only the rest is updated.

        Raises:
            GalleryError: a key is there with other content, and not `replace`; then nothing is written.

        """
        data = [np.ascontiguousarray(vector, dtype="<f4").tobytes() for vector in vectors]
        rows = [_Row(r, r.content or digest(d), d) for r, d in zip(records, data, strict=True)]
        with self._writing():
            known = self._known([record.key for record in records])
            other = [r.key for r, content, _ in rows if r.key in known and known[r.key][1] != content]
            if other and not replace:
                raise GalleryError(
                    f"The gallery has another tracklet of the key {other[0]!r}",
                    expected="the same frames as when it was added",
                    where=self.folder,
                    hint="--replace (replace=True) puts the new one in its place",
                )
            for key in other:
                self._delete(known.pop(key)[0])
            new = [row for row in rows if row.record.key not in known]
            changed = self._changes([record for record in records if record.key in known])
            if new or changed:
                self._insert(new)
                self._rewrite(changed)
                self._changed(removed=len(other), updated=len(changed))
        return Added(
            added=len(new) - len(other),
            skipped=len(rows) - len(new) - len(changed),
            replaced=len(other),
            updated=len(changed),
        )

    def update(self, records: Sequence[Record]) -> int:
        """Write what is known of tracklets that are there, but their vectors; how many that changed.

        Raises:
            GalleryError: one of them is not there.

        """
        if not self._changes(records):  # so that a gallery that can only be read may be asked
            return 0
        with self._writing():
            changed = self._changes(records)
            self._rewrite(changed)
            self._changed(updated=len(changed))
        return len(changed)

    def _changes(self, records: Sequence[Record]) -> list[Record]:
        """Those that are not as they are kept; a key that is not there is an error."""
        keys = [record.key for record in records]
        found = self._select(f"SELECT {self._columns} FROM tracklets WHERE key", keys)
        kept = {row[0]: record_of_row(row) for row in found}
        for record in records:
            if record.key not in kept:
                self._row_of(record.key)
        wanted = [brought_up(kept[record.key], record) for record in records]
        return [record for record in wanted if record != kept[record.key]]

    def _rewrite(self, records: Sequence[Record]) -> None:
        places = ", ".join(f"{name} = ?" for name in COLUMNS)
        self._db.executemany(
            f"UPDATE tracklets SET {places} WHERE key = ?",
            [(*values_of(record, record.content), record.key) for record in records],
        )

    def _insert(self, rows: Sequence[_Row]) -> None:
        """Under numbers that were never used."""
        if not rows:
            return
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tracklets'").fetchone()
        first = (found[0] if found else 0) + 1
        self._db.executemany(
            f"INSERT INTO tracklets (id, {self._columns}) VALUES (?{', ?' * len(COLUMNS)})",
            ((number, *values_of(row.record, row.content)) for number, row in enumerate(rows, first)),
        )
        vectors = ((number, row.data) for number, row in enumerate(rows, first))
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
            for key, given in persons.items():
                person = stored("person", given, key)
                self._db.execute("UPDATE tracklets SET person = ? WHERE id = ?", (person, self._row_of(key)))

    def _row_of(self, key: str) -> int:
        number = self.number_of(key)
        if number is None:
            raise GalleryError(
                f"The gallery has no tracklet {key!r}", where=self.folder, hint="see `stca gallery list`"
            )
        return number

    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """The content of those keys that are there."""
        with self.reading():
            return {key: content for key, (_, content) in self._known(keys).items()}

    def _known(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Number and content of those keys that are there."""
        found = self._select("SELECT key, id, content FROM tracklets WHERE key", keys)
        return {key: (row, content) for key, row, content in found}

    def row(self, key: str, dim: int) -> tuple[Record, Vector] | None:
        """Record and vector of a key; None where it is not there."""
        with self.reading():
            known = self._known([key])
            if not known:
                return None
            number = known[key][0]
            return self.records_of([number])[number], self.vectors_of([number], dim)[1][0]

    def number_of(self, key: str) -> int | None:
        """The row of a key; None where it is not there."""
        found = self._ask("SELECT id FROM tracklets WHERE key = ?", (key,))
        return int(found[0][0]) if found else None

    def records_of(self, ids: Sequence[int]) -> dict[int, Record]:
        """Of those rows that are there, by number."""
        found = self._select(f"SELECT id, {self._columns} FROM tracklets WHERE id", ids)
        return {row[0]: record_of_row(row[1:]) for row in found}

    def vectors_of(self, ids: Sequence[int], dim: int) -> tuple[list[int], Vectors]:
        """Numbers and vectors of those rows that are there.

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
            raise GalleryError("A vector of the gallery is damaged", where=self.folder / FILE)
        return vectors

    def records(self) -> list[Record]:
        """All records, in the order in which they came."""
        return [record_of_row(row) for row in self._ask(f"SELECT {self._columns} FROM tracklets ORDER BY id")]

    def table(self, *, after: int = 0) -> list[tuple[int, str, float | None, float | None]]:
        """Number, camera, first and last of all rows with a higher number than `after`, in order."""
        return self._ask("SELECT id, camera, first, last FROM tracklets WHERE id > ? ORDER BY id", (after,))

    def ids(self) -> Int64[np.ndarray, " N"]:
        """The numbers of all rows, in order."""
        return np.array(self._ask("SELECT id FROM tracklets ORDER BY id"), dtype=np.int64).reshape(-1)

    def blocks(self, dim: int, *, after: int = 0, size: int = 4096) -> Iterator[Vectors]:
        """All vectors of higher numbers than `after`, in order, some at a time; within `reading`.

        Raises:
            GalleryError: a vector of another dimension or length: the file is damaged.

        """
        with explained(self.folder):
            cursor = self._db.execute("SELECT vector FROM vectors WHERE id > ? ORDER BY id", (after,))
            while rows := cursor.fetchmany(size):
                yield self._stacked([row[0] for row in rows], dim)

    def last_commit(self) -> tuple[int, str] | None:
        """The highest number of the last commit that added rows, and a token that no other commit has."""
        found = self._ask("SELECT last_id, token FROM commits ORDER BY last_id DESC LIMIT 1")
        return (int(found[0][0]), str(found[0][1])) if found else None

    def has_commit(self, last_id: int, token: str) -> bool:
        """Whether that commit is part of this gallery's past (a restored copy has another past)."""
        return self._ask("SELECT token FROM commits WHERE last_id = ?", (last_id,)) == [(token,)]

    def counts(self) -> tuple[dict[str, int], int, float | None, float | None]:
        """Tracklets by camera, number of persons, earliest and latest time."""
        with self.reading():
            counted = self._ask("SELECT camera, count(*) FROM tracklets GROUP BY camera ORDER BY camera")
            ((persons, first, last),) = self._ask(
                "SELECT count(DISTINCT person), min(first), max(last) FROM tracklets"
            )
        return dict(counted), persons, first, last
