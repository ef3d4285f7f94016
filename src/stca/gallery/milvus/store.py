"""Metadata, rows by key and what was forgotten of a gallery on Milvus."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.milvus.connection import Connection
from stca.gallery.milvus.lock import PENDING, WriterLock
from stca.gallery.milvus.log import Log
from stca.gallery.milvus.table import Table
from stca.gallery.records import Record
from stca.gallery.store.tombstones import marks_of

META, VISIBLE, TOMBSTONE = "meta:", "visible:", "forgotten:"
_SECRETS, _CHANGES = "forgetting keys", "changes"
_AT_ONCE = 500


@dataclass(frozen=True)
class Commit:
    """A change of several rows, which is written down before it is made.

    Args:
        write: entries of the log.
        persons: by key, of rows that move.

    """

    write: Mapping[str, str] = field(default_factory=dict)
    persons: Mapping[str, int | None] = field(default_factory=dict)


class MilvusStore:
    """The store of one gallery; thread-safe. All methods raise GalleryErrors.

    Args:
        connection: to the server.
        log: the gallery's.
        table: of its rows.
        lock: of its writers.

    """

    def __init__(self, connection: Connection, log: Log, table: Table, lock: WriterLock) -> None:
        self.connection, self.log, self.table, self.lock = connection, log, table, lock
        self.writable = True
        self._local = threading.local()

    @property
    def folder(self) -> Path | None:
        """None: what it keeps is on the server."""
        return None

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    # ---- reading and writing ----

    @contextmanager
    def read_transaction(self) -> Iterator[None]:
        """Within it, this thread reads metadata once; rows are no snapshot."""
        if getattr(self._local, "open", False):
            yield
            return
        self._local.open, self._local.entries = True, None
        try:
            yield
        finally:
            self._local.open, self._local.entries = False, None

    def small_entries(self) -> dict[str, str]:
        """Metadata, and corrections that hide or show tracklets, as they are now."""
        return self.log.read(prefixes=[META, VISIBLE])

    def provide(self, entries: dict[str, str]) -> None:
        """What another thread has read for this one's read transaction."""
        if getattr(self._local, "open", False):
            self._local.entries = entries

    def entries(self) -> dict[str, str]:
        """`small_entries`, of the read transaction if there is one."""
        if not getattr(self._local, "open", False):
            return self.small_entries()
        if self._local.entries is None:
            self._local.entries = self.small_entries()
        entries: dict[str, str] = self._local.entries
        return entries

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock; what an earlier writer left is finished first.

        Raises:
            GalleryBusyError: another process writes, or the server does not answer.

        """
        with self.lock.held() as left:
            if left is None:
                yield
                return
            was_open, self._local.open = getattr(self._local, "open", False), False
            try:
                for name, text in left.items():
                    self._apply(name, text)
                yield
                self._set_meta({_CHANGES: str(secrets.randbits(62))})
            finally:
                self._local.open, self._local.entries = was_open, None

    def commit(self, change: Commit) -> None:
        """Make a change all at once, or have the next writer do so; within `writing`."""
        if not change.persons:
            self.log.write(change.write)
            return
        name, text = (
            f"{PENDING}job",
            json.dumps({"write": dict(change.write), "persons": dict(change.persons)}),
        )
        self.log.write({name: text})
        self._apply(name, text)

    def _apply(self, name: str, text: str) -> None:
        """Make a change that was written down; may be done twice."""
        change = json.loads(text)
        persons: dict[str, int | None] = change["persons"]
        keys = list(persons)
        for start in range(0, len(keys), _AT_ONCE):
            old = self.table.get(keys[start : start + _AT_ONCE], vectors=True)
            moved = [
                (replace(row.record, person=persons[key]), row.record.content, row.vector)
                for key, row in old.items()
                if row.vector is not None and row.record.person != persons[key]
            ]
            self.table.write(moved, old, keep_numbers=True)
        self.log.write(change["write"])
        self.log.delete([name])
        self.log.sweep()

    # ---- metadata ----

    def meta(self, name: str) -> str | None:
        """The metadata value of a name; None if there is none."""
        is_open = getattr(self._local, "open", False)
        entries = self.entries() if is_open else self.log.read(names=[META + name])
        return entries.get(META + name)

    def set_meta(self, name: str, value: str) -> None:
        """Store a metadata value."""
        with self.writing():
            self._set_meta({name: value})

    def _set_meta(self, values: Mapping[str, str]) -> None:
        self.log.write({META + name: value for name, value in values.items()})

    def version(self) -> tuple[int, int]:
        """A value that changes with every change of the gallery, by whatever process."""
        return int(self.meta(_CHANGES) or 0), 0

    # ---- rows ----

    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """Content digests of those keys that exist."""
        return {key: row.record.content for key, row in self.table.get(list(keys)).items()}

    def require(self, keys: Iterable[str]) -> dict[str, str]:
        """`known`, of keys that must exist."""
        wanted = list(dict.fromkeys(keys))
        found = self.known(wanted)
        for key in wanted:
            if key not in found:
                raise GalleryError(
                    f"The gallery has no tracklet {key!r}",
                    where=self.connection.address,
                    hint="see `stca gallery list`",
                )
        return found

    def rows(self) -> int:
        """Number of tracklets."""
        return self.table.count()

    def bytes_on_disk(self) -> int | None:
        """The size of a Milvus Lite file; None: a server does not say."""
        address = self.connection.address
        if not address.is_lite:
            return None
        return sum(path.stat().st_size for path in Path(address.uri).rglob("*") if path.is_file())

    def counts(self) -> tuple[dict[str, int], int, float | None, float | None]:
        """Tracklets by camera, number of persons, earliest and latest time; reads all rows' metadata."""
        cameras: Counter[str] = Counter()
        persons: set[int] = set()
        first, last = [], []
        for row in self.table.scan():
            record = row.record
            cameras[record.camera] += 1
            persons |= {record.person} if record.person is not None else set()
            first += [record.first] if record.first is not None else []
            last += [record.last] if record.last is not None else []
        return dict(sorted(cameras.items())), len(persons), min(first, default=None), max(last, default=None)

    # ---- what was forgotten ----

    def forgotten(self, records: Sequence[Record]) -> list[bool]:
        """Whether each of these was forgotten."""
        keys = self._secrets() if records else []
        if not keys:
            return [False] * len(records)
        marks = [{TOMBSTONE + mark for key in keys for mark in marks_of(record, key)} for record in records]
        found = set(self.log.read(names=sorted(set().union(*marks))))
        return [not found.isdisjoint(each) for each in marks]

    def forgotten_marks(self) -> tuple[list[str], list[tuple[str, float]]]:
        """The secrets, and all marks with the time they were made at."""
        found = self.log.read(prefixes=[TOMBSTONE])
        marks = [(name.removeprefix(TOMBSTONE), float(when)) for name, when in found.items()]
        return self._secrets(), marks

    def _secrets(self) -> list[str]:
        found: list[str] = json.loads(self.meta(_SECRETS) or "[]")
        return found

    def _secret(self) -> str:
        """The secret of new marks, made when there is none; within `writing`."""
        keys = self._secrets()
        if not keys:
            keys = [secrets.token_hex(32)]
            self._set_meta({_SECRETS: json.dumps(keys)})
        return keys[0]

    def _tombstones(self, records: Iterable[Record]) -> dict[str, str]:
        """Entries of the log; within `writing`."""
        key = self._secret()
        return {TOMBSTONE + mark: repr(time.time()) for each in records for mark in marks_of(each, key)}

    def _add_forgotten(self, keys: Sequence[str], marks: Iterable[tuple[str, float]]) -> None:
        self._set_meta({_SECRETS: json.dumps(list(dict.fromkeys([*self._secrets(), *keys])))})
        self.log.write({TOMBSTONE + mark: repr(when) for mark, when in marks})
