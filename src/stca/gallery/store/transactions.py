"""Queries, transactions and counters on one connection to a gallery's file.

Threads share the connection and therefore its transaction, so they take turns even for reading.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.store.sqlite import sqlite_errors

_VALUES = 1000
"""Maximum number of values in one query; SQLite has a limit."""


class Transactions:
    """Queries, transactions, metadata and counters of one open file. SQLite errors become GalleryErrors.

    Args:
        folder: of the file.
        connection: from `stca.gallery.store.file`; closed by `close`.
        writable: whether writing is allowed.

    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        self.folder, self.writable = folder, writable
        self._db = connection
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the connection."""
        with self._exclusive():
            self._db.close()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock, so that no other thread is inside a transaction, and translate errors."""
        with self._lock, sqlite_errors(self.folder):
            yield

    def _query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query's result."""
        with self._exclusive():
            return self._db.execute(statement, values).fetchall()

    def _select(self, statement: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        """The rows whose last-named column has one of the values (`... WHERE column`), in no order."""
        for start in range(0, len(values), _VALUES):
            some = values[start : start + _VALUES]
            yield from self._query(f"{statement} IN ({','.join('?' * len(some))})", some)

    @contextmanager
    def read_transaction(self) -> Iterator[None]:
        """One snapshot for several reads, whatever other processes write; other threads wait."""
        with self._exclusive():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    @contextmanager
    def _write_transaction(self) -> Iterator[None]:
        """All or nothing; durable on return."""
        with self._exclusive():
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

    def version(self) -> tuple[int, int]:
        """A value that changes with every commit, of this connection or another."""
        with self._exclusive():
            (others,) = self._db.execute("PRAGMA data_version").fetchone()
            return others, self._db.total_changes

    def meta(self, name: str) -> str | None:
        """The metadata value of a name; None if there is none."""
        found = self._query("SELECT value FROM meta WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def set_meta(self, name: str, value: str) -> None:
        """Store a metadata value."""
        with self._write_transaction():
            self._set_meta(name, value)

    def _set_meta(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def counters(self) -> tuple[int, int, int]:
        """Numbers of commits that changed rows, of rows removed, and of rows updated, since creation."""
        found = dict(
            self._query("SELECT name, value FROM meta WHERE name IN ('changes', 'removals', 'updates')")
        )
        try:
            return int(found["changes"]), int(found["removals"]), int(found.get("updates", 0))
        except (KeyError, ValueError) as error:
            raise GalleryFileError(
                "This gallery's file is damaged", expected="its counters", found=found, where=self.folder
            ) from error

    def era(self) -> str:
        """A token that changes when rows were erased or another state was restored: old indexes are void."""
        return self.meta("era") or ""

    def _begin_era(self) -> None:
        self._set_meta("era", secrets.token_hex(8))

    def _count_change(self, *, removed: int = 0, updated: int = 0) -> None:
        changes, removals, updates = self.counters()
        self._set_meta("changes", str(changes + 1))
        self._set_meta("removals", str(removals + removed))
        self._set_meta("updates", str(updates + updated))
