"""Events on disk until everybody who is told has taken them, and what was said of tracklets that still walk.

One SQLite file. Whatever is said was committed before, so that nothing that was said is lost when the process
is killed. Each receiver has a place in the series of events; it only moves when the receiver has taken one.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.errors import StcaError
from stca.watch.events.event import Event

KEEP = 10_000
"""Events that stay although everybody has taken them, for pages that show the latest."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS receivers (name TEXT PRIMARY KEY, taken INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS walking (
    tracklet TEXT PRIMARY KEY, camera TEXT NOT NULL, person INTEGER NOT NULL, first REAL NOT NULL,
    last REAL NOT NULL, lost INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS cameras (name TEXT PRIMARY KEY, state TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the series: its number, and its JSON text on one line."""

    number: int
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The text's content."""
        content: dict[str, Any] = json.loads(self.text)
        return content


@dataclass(frozen=True, slots=True)
class Walking:
    """What was said of a tracklet that the gallery does not have yet.

    Args:
        tracklet: its key.
        camera: its name.
        person: that it was last said to be.
        first, last: POSIX seconds.
        lost: whether it was said to be lost.

    """

    tracklet: str
    camera: str
    person: int
    first: float
    last: float
    lost: bool = False


class Outbox:
    """The file of events. Threads may share it.

    Args:
        path: of the file, made if need be.
        clock: POSIX seconds.

    Raises:
        StcaError: it cannot be opened, or is none.

    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        self._lock = threading.RLock()
        self.news = threading.Condition()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO about VALUES ('series', ?)", (secrets.token_hex(8),))
            ((self.series,),) = self._db.execute("SELECT value FROM about WHERE name = 'series'")
        except (sqlite3.Error, OSError) as error:
            raise StcaError("Cannot open the file of events", found=error, where=path) from error

    def put(
        self, events: Sequence[Event], *, walking: Mapping[str, Walking | None] | None = None
    ) -> list[StoredEvent]:
        """Write events, and what is known of tracklets (None: the gallery has it), in one commit.

        Raises:
            StcaError: they cannot be written: a full disk, for example. Nothing of them is then.

        """
        stored = []
        with self._change():
            for event in events:
                cursor = self._db.execute("INSERT INTO events (body) VALUES ('')")
                number = int(cursor.lastrowid or 0)
                body = event.body(f"{self.series}-{number}", self._clock())
                text = json.dumps(body, ensure_ascii=False)
                self._db.execute("UPDATE events SET body = ? WHERE number = ?", (text, number))
                stored.append(StoredEvent(number, text))
            for key, each in (walking or {}).items():
                if each is None:
                    self._db.execute("DELETE FROM walking WHERE tracklet = ?", (key,))
                else:
                    row = (key, each.camera, each.person, each.first, each.last, int(each.lost))
                    self._db.execute("INSERT OR REPLACE INTO walking VALUES (?, ?, ?, ?, ?, ?)", row)
        with self.news:
            self.news.notify_all()
        return stored

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Everything that is done meanwhile, in one commit, or nothing."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise StcaError(
                        "Cannot write the file of events",
                        found=error,
                        where=self.path,
                        hint="what was said is kept: if its disk is full, make room; then start again",
                    ) from error
                raise

    def walking(self) -> list[Walking]:
        """What was said of tracklets that the gallery does not have, as the last process left it."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM walking ORDER BY first, tracklet").fetchall()
        return [
            Walking(key, camera, person, first, last, bool(lost))
            for key, camera, person, first, last, lost in rows
        ]

    def show_cameras(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the state of every camera, and that somebody watches; empty: nobody does."""
        with self._change():
            self._db.execute("DELETE FROM about WHERE name = 'alive'")
            if states:
                self._db.execute("DELETE FROM cameras")
                rows = [(name, json.dumps(dict(state))) for name, state in states.items()]
                self._db.executemany("INSERT INTO cameras VALUES (?, ?)", rows)
                self._db.execute("INSERT INTO about VALUES ('alive', ?)", (str(self._clock()),))

    def receive(self, receiver: str) -> None:
        """Make a receiver known; a new one gets what comes from now on."""
        with self._change():
            self._db.execute(
                "INSERT OR IGNORE INTO receivers SELECT ?, coalesce(max(seq), 0) FROM sqlite_sequence "
                "WHERE name = 'events'",
                (receiver,),
            )

    def keep_receivers(self, names: Sequence[str]) -> list[str]:
        """Forget receivers that are no longer told; returns their names."""
        with self._change():
            known = [name for (name,) in self._db.execute("SELECT name FROM receivers")]
            gone = [name for name in known if name not in names]
            self._db.executemany("DELETE FROM receivers WHERE name = ?", [(name,) for name in gone])
        return gone

    def next(self, receiver: str) -> StoredEvent | None:
        """The first event that a receiver has not taken."""
        with self._lock:
            row = self._db.execute(
                "SELECT number, body FROM events WHERE number > "
                "(SELECT taken FROM receivers WHERE name = ?) ORDER BY number LIMIT 1",
                (receiver,),
            ).fetchone()
        return None if row is None else StoredEvent(*row)

    def taken(self, receiver: str, number: int) -> None:
        """A receiver has taken an event; durable on return. What nobody needs any longer goes."""
        with self._change():
            self._db.execute("UPDATE receivers SET taken = ? WHERE name = ?", (number, receiver))
            if number % 100 == 0:
                self._db.execute(
                    "DELETE FROM events WHERE number <= (SELECT min(taken) FROM receivers) AND number <= "
                    "(SELECT max(number) FROM events) - ?",
                    (KEEP,),
                )

    def waiting(self, receiver: str) -> int:
        """How many events a receiver has not taken."""
        with self._lock:
            ((count,),) = self._db.execute(
                "SELECT count(*) FROM events WHERE number > (SELECT taken FROM receivers WHERE name = ?)",
                (receiver,),
            ).fetchall()
        return int(count)

    def latest(self, count: int) -> list[StoredEvent]:
        """The latest events, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, body FROM events ORDER BY number DESC LIMIT ?", (count,)
            ).fetchall()
        return [StoredEvent(*row) for row in reversed(rows)]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
