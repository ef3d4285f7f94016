"""The log collection of a gallery: small texts by name.

A text of any length is one entry: what does not fit into one row of Milvus lies in further rows that are
written before. The row of the entry itself is written last and by one request, and so is all or nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stca.gallery.milvus.connection import STRONG, Connection

_PIECE = 60_000
"""Characters of a row; texts are ASCII, and Milvus's limit is 65,535 bytes."""
_PART = "part:"
_FIELDS = ("name", "body", "parts", "token")
_NO_VECTOR = [0.0, 0.0]
"""A collection of Milvus needs one."""
_AT_ONCE = 500


class Log:
    """Entries of one gallery.

    Args:
        connection: to the server.
        collection: name of the collection.

    """

    def __init__(self, connection: Connection, collection: str) -> None:
        self._connection, self._collection = connection, collection

    def exists(self) -> bool:
        """Whether the collection is there."""
        return bool(self._connection.call("has_collection", self._collection))

    def create(self) -> None:
        """Make the collection, unless another process is faster."""
        connection, types = self._connection, self._connection.types
        schema = connection.call("create_schema", timeout=None, auto_id=False, enable_dynamic_field=False)
        schema.add_field("name", types.VARCHAR, max_length=256, is_primary=True)
        schema.add_field("body", types.VARCHAR, max_length=65_535)
        schema.add_field("parts", types.INT64)
        schema.add_field("token", types.VARCHAR, max_length=32)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=2)
        connection.call(
            "create_collection", self._collection, schema=schema, num_shards=1, consistency_level=STRONG
        )
        self.load()

    def load(self) -> None:
        """Bring the collection into the server's memory; nothing happens if it is there."""
        self._connection.index(self._collection, {"vector": {"index_type": "FLAT", "metric_type": "L2"}})
        # A server that has just started answers at once, but takes its time for this.
        self._connection.call(
            "load_collection", self._collection, timeout=max(120.0, self._connection.address.timeout)
        )

    def read(self, *, names: Iterable[str] = (), prefixes: Iterable[str] = ()) -> dict[str, str]:
        """Entries by name: those of these names, and those whose name begins with one of these."""
        wanted = list(names)
        parts = [f'name like "{prefix}%"' for prefix in prefixes]
        found: list[dict[str, Any]] = []
        for start in range(0, max(len(wanted), 1), _AT_ONCE):
            some = ", ".join(f'"{name}"' for name in wanted[start : start + _AT_ONCE])
            expression = " or ".join([*([f"name in [{some}]"] if some else []), *parts])
            found += self._connection.query(self._collection, expression, _FIELDS) if expression else []
            parts = []
        entries = {row["name"]: row["body"] for row in found}
        for row in found:
            if row["parts"] > 1:
                entries[row["name"]] += self._rest(row["token"], row["parts"])
        return dict(sorted(entries.items()))

    def _rest(self, token: str, count: int) -> str:
        found = self._connection.query(self._collection, f'name like "{_PART}{token}:%"', ("name", "body"))
        pieces = {row["name"]: row["body"] for row in found}
        return "".join(pieces[_part(token, number)] for number in range(1, count))

    def write(self, entries: Mapping[str, str]) -> None:
        """Write entries, in place of those of the same names; each is written whole or not at all.

        Several short ones are written by one request, 500 at a time.
        """
        heads = []
        for name, text in entries.items():
            pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)] or [""]
            token = secrets.token_hex(8) if len(pieces) > 1 else ""
            for number, piece in enumerate(pieces[1:], 1):
                self._upsert([_row(_part(token, number), piece, 0, "")])
            heads.append(_row(name, pieces[0], len(pieces), token))
        for start in range(0, len(heads), _AT_ONCE):
            self._upsert(heads[start : start + _AT_ONCE])

    def _upsert(self, rows: Sequence[dict[str, Any]]) -> None:
        self._connection.call("upsert", self._collection, list(rows))

    def delete(self, names: Sequence[str]) -> None:
        """Delete entries; those that do not exist are no error."""
        for start in range(0, len(names), _AT_ONCE):
            some = ", ".join(f'"{name}"' for name in names[start : start + _AT_ONCE])
            self._connection.call("delete", self._collection, filter=f"name in [{some}]")

    def sweep(self) -> None:
        """Delete rows of entries that were replaced or deleted; only for who holds the lock."""
        rows = self._connection.query(
            self._collection, f'name like "{_PART}%" or parts > 1', ("name", "token")
        )
        used = {row["token"] for row in rows if not row["name"].startswith(_PART)}
        parts = [row["name"] for row in rows if row["name"].startswith(_PART)]
        self.delete([name for name in parts if name.split(":")[1] not in used])

    def flush(self) -> None:
        """Bring what was written from the write-ahead log into the object store."""
        self._connection.call("flush", self._collection)


def _part(token: str, number: int) -> str:
    return f"{_PART}{token}:{number:06d}"


def _row(name: str, body: str, parts: int, token: str) -> dict[str, Any]:
    return {"name": name, "body": body, "parts": parts, "token": token, "vector": _NO_VECTOR}
