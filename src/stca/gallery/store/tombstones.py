"""What was forgotten and must not be learnt again: keyed hashes, no names.

A tombstone is two marks of a tracklet: one of its crops' digest, which recognises the same crops under
whatever key, and one of its key with its times, which recognises it when its video was tracked again and the
crops came out differently. A later tracklet of the same key has other times and may be added.

The hash's secret lies in the same file. Marks cannot be read, but whoever has the file can test a guess.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Sequence

from stca.errors import GalleryFileError
from stca.gallery.records import Record
from stca.gallery.store.transactions import Transactions

FORGOTTEN_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS forgotten (mark TEXT PRIMARY KEY, time REAL NOT NULL) WITHOUT ROWID"
)
_SECRETS = "forgetting keys"
"""Metadata: the secrets as JSON. There are several after a restore of a gallery that has others."""


class Tombstones(Transactions):
    """`Transactions` on a gallery's file, with the table `forgotten`; it is made by the first forgetting."""

    def forgotten(self, records: Sequence[Record]) -> list[bool]:
        """Whether each of these was forgotten.

        Args:
            records: with their content digest.

        """
        keys = self._secrets() if records else []
        if not keys:
            return [False] * len(records)
        marks = [{mark for key in keys for mark in marks_of(record, key)} for record in records]
        wanted = sorted(set().union(*marks))
        found = {row[0] for row in self._select("SELECT mark FROM forgotten WHERE mark", wanted)}
        return [not found.isdisjoint(each) for each in marks]

    def forgotten_marks(self) -> tuple[list[str], list[tuple[str, float]]]:
        """The secrets, and all marks with the time they were made at."""
        with self.read_transaction():
            keys = self._secrets()
            return keys, self._query("SELECT mark, time FROM forgotten ORDER BY mark") if keys else []

    def _set_tombstones(self, records: Iterable[Record]) -> None:
        """Within a write transaction."""
        key = self._secret()
        self._add_marks((mark, time.time()) for record in records for mark in marks_of(record, key))

    def _add_marks(self, marks: Iterable[tuple[str, float]]) -> None:
        self._db.execute(FORGOTTEN_SCHEMA)
        self._db.executemany("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", marks)

    def _secret(self) -> str:
        """The secret of new marks, made when there is none; within a write transaction."""
        keys = self._secrets()
        if not keys:
            self._db.execute(FORGOTTEN_SCHEMA)
            keys = [secrets.token_hex(32)]
            self._set_meta(_SECRETS, json.dumps(keys))
        return keys[0]

    def _add_secrets(self, keys: Sequence[str]) -> None:
        self._set_meta(_SECRETS, json.dumps(list(dict.fromkeys([*self._secrets(), *keys]))))

    def _secrets(self) -> list[str]:
        try:
            keys: list[str] = json.loads(self.meta(_SECRETS) or "[]")
            _ = [bytes.fromhex(key) for key in keys]
        except (ValueError, TypeError) as error:
            raise GalleryFileError(
                "The gallery's list of what was forgotten is damaged", where=self.folder
            ) from error
        return keys


def marks_of(record: Record, secret: str) -> tuple[str, ...]:
    """The marks of a tracklet; one without a content digest has only that of its key."""
    times = [None if seconds is None else float(seconds) for seconds in (record.first, record.last)]
    key = keyed_hash(secret, "key", json.dumps([str(record.key), str(record.clock), *times]))
    return (key, keyed_hash(secret, "content", record.content)) if record.content else (key,)


def keyed_hash(secret: str, what: str, text: str) -> str:
    """BLAKE2b with a key (RFC 7693), 32 hexadecimal digits; `what` keeps kinds of text apart."""
    data = f"{what}\0{text}".encode(errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=16, key=bytes.fromhex(secret)).hexdigest()
