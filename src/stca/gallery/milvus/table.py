"""The collection of a gallery's tracklets: made, read in parts and written.

Rows of one day are a partition. A row that moves to another is written there before it is deleted in the
old one, and searches and queries of Milvus give a primary key once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stca.errors import GalleryError
from stca.gallery.engine import Vector
from stca.gallery.milvus.connection import STRONG, Connection
from stca.gallery.milvus.rows import (
    COLUMNS,
    LENGTHS,
    UNDATED,
    Row,
    from_entity,
    partition_of,
    row_id,
    to_entity,
)
from stca.gallery.records import Record

MOST_PARTITIONS = 1000
"""Later days than these share the partition of what has no date; Milvus's limit is 1,024 or more."""
_AT_ONCE = 1000
_PAGE_VALUES, _MOST_ROWS = 1 << 20, 4096
"""Numbers of one page of vectors, 4 MiB, and rows of any page."""
_FIELDS = (*COLUMNS, "number")


class Table:
    """Rows of one gallery.

    Args:
        connection: to the server.
        collection: its name.
        dim: D.
        keep: called before each request that writes; raises if this process may no longer write.

    """

    def __init__(
        self, connection: Connection, collection: str, dim: int, *, keep: Callable[[], None]
    ) -> None:
        self.connection, self.collection, self.dim, self._keep = connection, collection, dim, keep
        self._partitions: set[str] = set()

    def create(self, indexes: dict[str, dict[str, Any]]) -> None:
        """Make the collection unless it is there, and bring it into the server's memory."""
        connection, types = self.connection, self.connection.types
        if not connection.call("has_collection", self.collection):
            schema = connection.call("create_schema", timeout=None, auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", types.VARCHAR, max_length=32, is_primary=True)
            schema.add_field("number", types.INT64)
            schema.add_field("vector", types.FLOAT_VECTOR, dim=self.dim)
            for name, most in LENGTHS.items():
                schema.add_field(name, types.VARCHAR, max_length=most)
            for name in ("person", "label", "frames"):
                schema.add_field(name, types.INT64)
            for name in ("first", "last"):
                schema.add_field(name, types.DOUBLE)
            connection.call(
                "create_collection", self.collection, schema=schema, num_shards=1, consistency_level=STRONG
            )
        connection.index(self.collection, indexes)
        self.load()

    def load(self) -> None:
        """Bring the collection into the server's memory; nothing happens if it is there."""
        self.connection.call("load_collection", self.collection, timeout=600.0)

    # ---- reading ----

    def get(self, keys: Sequence[str], *, vectors: bool = False) -> dict[str, Row]:
        """Rows by key, of those keys that exist."""
        fields = (*_FIELDS, "vector") if vectors else _FIELDS
        found = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = ", ".join(f'"{row_id(key)}"' for key in keys[start : start + _AT_ONCE])
            for entity in self.connection.query(self.collection, f"id in [{some}]", fields):
                row = from_entity(entity)
                found[row.record.key] = row
        return found

    def select(self, expression: str) -> list[Row]:
        """Rows that an expression selects, in insertion order."""
        found = self.connection.query(self.collection, expression, _FIELDS)
        return sorted(map(from_entity, found), key=lambda row: row.number)

    def scan(self, *, vectors: bool = False) -> Iterator[Row]:
        """All rows, in no order."""
        for page in self.pages((*_FIELDS, "vector") if vectors else _FIELDS):
            yield from map(from_entity, page)

    def pages(self, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """All rows as pymilvus gives them, in pages, one partition after the other.

        Inside the server every segment answers with as many rows as a page has, and all of these answers
        together are one message, whose size has a limit.
        """
        size = max(16, min(_MOST_ROWS, _PAGE_VALUES // self.dim)) if "vector" in fields else _MOST_ROWS
        # In Milvus Lite a partition may still have a row that has moved to another one.
        parts = [None] if self.connection.address.is_lite else self.partitions()
        seen: set[str] = set()  # nor does a row that is being moved come twice
        for partition in parts:
            for page in self.connection.pages(self.collection, fields, size=size, partition=partition):
                yield [entity for entity in page if entity["id"] not in seen]
                seen.update(entity["id"] for entity in page)

    def count(self) -> int:
        """Number of rows."""
        return self.connection.count(self.collection)

    def partitions(self) -> list[str]:
        """Names of the partitions at present."""
        found = self.connection.call("list_partitions", self.collection)
        self._partitions = set(found)
        return list(found)

    # ---- writing ----

    def write(
        self, rows: Sequence[tuple[Record, str, Vector]], old: dict[str, Row], *, keep_numbers: bool = False
    ) -> None:
        """Write rows: their records, content digests and vectors.

        Args:
            rows: with keys that are new or in `old`.
            old: what is there of these keys.
            keep_numbers: whether rows that are there keep their place in the order of insertion.

        """
        number = time.time_ns()
        groups: dict[tuple[str, bool], list[dict[str, Any]]] = {}
        moved: dict[str, list[str]] = {}
        for position, (record, content, vector) in enumerate(rows):
            before = old.get(record.key)
            where = self._partition(record)
            own = before.number if before is not None and keep_numbers else number + position
            entity = to_entity(record, content, own, vector)
            groups.setdefault((where, before is not None), []).append(entity)
            if before is not None and (was := self._partition(before.record)) != where:
                moved.setdefault(was, []).append(entity["id"])
        for (where, is_known), entities in groups.items():
            method = "upsert" if is_known else "insert"
            self._keep()
            self.connection.call(method, self.collection, entities, partition_name=where)
        # Milvus Lite has a key once, in whatever partition, and deletes it in all of them.
        for was, ids in moved.items() if not self.connection.address.is_lite else ():
            some = ", ".join(f'"{each}"' for each in ids)
            self._keep()
            self.connection.call("delete", self.collection, filter=f"id in [{some}]", partition_name=was)

    def _partition(self, record: Record) -> str:
        """The partition of a record, made if there is none."""
        name = partition_of(record)
        if name == UNDATED or name in self._partitions or name in self.partitions():
            return name
        if len(self._partitions) >= MOST_PARTITIONS:
            return UNDATED
        self._keep()
        try:
            self.connection.call("create_partition", self.collection, name)
        except GalleryError:
            if name not in self.partitions():
                raise
        self._partitions.add(name)
        return name

    def delete(self, keys: Sequence[str]) -> None:
        """Delete rows; those that do not exist are no error."""
        for start in range(0, len(keys), _AT_ONCE):
            some = ", ".join(f'"{row_id(key)}"' for key in keys[start : start + _AT_ONCE])
            self._keep()
            self.connection.call("delete", self.collection, filter=f"id in [{some}]")

    def flush(self) -> None:
        """Bring what was written from the write-ahead log into the object store."""
        self.connection.call("flush", self.collection, timeout=max(120.0, self.connection.address.timeout))
