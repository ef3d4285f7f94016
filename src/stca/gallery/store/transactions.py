"""One connection to a gallery's file, and its transactions.

Threads take turns, also with what only reads: they share the connection, and with it one transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stca.errors import GalleryError
from stca.gallery.store.sqlite import explained

_VALUES = 1000
"""So many at most in one question; SQLite has a limit."""


class Transactions:
    """Questions, transactions and notes of one open file. SQLite's complaints become GalleryErrors.

    Args:
        folder: that the file lies in.
        connection: to the file (`stca.gallery.store.file`); closed by `close`.
        writable: whether it may be written.

    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writable: bool) -> None:
        self.folder, self.writable = folder, writable
        self._db = connection
        self._lock = threading.RLock()

    def close(self) -> None:
        """Let go of the file."""
        with self._alone():
            self._db.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread is inside a transaction, and SQLite's complaints come in words."""
        with self._lock, explained(self.folder):
            yield

    def _ask(self, question: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows that are the answer."""
        with self._alone():
            return self._db.execute(question, values).fetchall()

    def _select(self, question: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        """The rows whose column, which the question ends with, has one of the values; in no order."""
        for start in range(0, len(values), _VALUES):
            some = values[start : start + _VALUES]
            yield from self._ask(f"{question} IN ({','.join('?' * len(some))})", some)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the gallery for several reads, whoever writes meanwhile; other threads wait."""
        with self._alone():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing; when it returns, it is on disk."""
        with self._alone():
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

    def note(self, name: str) -> str | None:
        """What is noted under a name."""
        found = self._ask("SELECT value FROM meta WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def set_note(self, name: str, value: str) -> None:
        """Note it down."""
        with self._writing():
            self._note(name, value)

    def _note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
