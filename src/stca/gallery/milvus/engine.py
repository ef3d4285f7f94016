"""The engine on Milvus: writes in batches, searches with filters that Milvus applies.

The index of Milvus gives candidates with their vectors, and their scores are computed here from float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace as replace_fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.engine import Vector, Vectors
from stca.gallery.milvus.connection import MOST_HITS
from stca.gallery.milvus.erasing import ErasingMilvusStore
from stca.gallery.milvus.indexing import Tuning, describe, index_of, search_parameters, tune_and_choose
from stca.gallery.milvus.rows import Row, filter_of, from_entity, partitions_within
from stca.gallery.milvus.store import META
from stca.gallery.records import Added, Record, updated_record
from stca.gallery.store.rows import COLUMNS, another_tracklet, digest, stored_vector

_BATCH = 1000
_SPARE = 10
"""Candidates beyond k: an index may order them wrongly, and hits of equal scores are in insertion order."""
TUNING = "tuning"
_FIELDS = (*COLUMNS, "number", "vector")


class _State(NamedTuple):
    """What a search needs to know before."""

    hidden: frozenset[str]
    tuning: Tuning


class MilvusEngine:
    """One open gallery on Milvus; thread-safe.

    Args:
        store: of the gallery.

    """

    def __init__(self, store: ErasingMilvusStore) -> None:
        self._store, self._table = store, store.table
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="stca-milvus")
        self._state: _State | None = None

    # ---- writing ----

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows, 1,000 at a time; then wait until Milvus has them where the address says."""
        done = Added()
        for start in range(0, len(records), _BATCH):
            part = slice(start, start + _BATCH)
            done += self._add(records[part], vectors[part], replace=replace)
        if done.added or done.replaced or done.updated:
            self._acknowledge()
        return done

    def _add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        contents = [
            record.content or digest(stored_vector(vector))
            for record, vector in zip(records, vectors, strict=True)
        ]
        given = [replace_fields(r, content=content) for r, content in zip(records, contents, strict=True)]
        with self._store.writing():
            lost = self._store.forgotten(given)
            rows = [(r, v) for r, v, gone in zip(given, vectors, lost, strict=True) if not gone]
            old = self._table.get([record.key for record, _ in rows])
            other = [r.key for r, _ in rows if r.key in old and old[r.key].record.content != r.content]
            if other and not replace:
                raise another_tracklet(other[0], self._store.connection.address)
            new = [(r, v) for r, v in rows if r.key not in old or r.key in set(other)]
            changed = self._changed([r for r, _ in rows if r.key in old and r.key not in set(other)], old)
            self._store.note_persons(record.person for record, _ in [*new, *((c, 0) for c in changed)])
            self._table.write([(r, r.content, v) for r, v in new], old)
            self._rewrite(changed)
        return Added(
            added=len(new) - len(other),
            skipped=len(rows) - len(new) - len(changed),
            replaced=len(other),
            updated=len(changed),
            forgotten=sum(lost),
        )

    def update(self, records: Sequence[Record]) -> int:
        """Update metadata of existing rows; returns how many changed."""
        done = 0
        for start in range(0, len(records), _BATCH):
            some = records[start : start + _BATCH]
            with self._store.writing():
                self._store.require([record.key for record in some])
                changed = self._changed(some, self._table.get([record.key for record in some]))
                self._store.note_persons(record.person for record in changed)
                self._rewrite(changed)
            done += len(changed)
        if done:
            self._acknowledge()
        return done

    def _changed(self, records: Sequence[Record], old: Mapping[str, Row]) -> list[Record]:
        wanted = [updated_record(old[record.key].record, record) for record in records]
        return [record for record in wanted if record != old[record.key].record]

    def _rewrite(self, records: Sequence[Record]) -> None:
        """Write records in place of those of the same keys, whose vectors and order stay."""
        old = self._table.get([record.key for record in records], vectors=True)
        rows = [(r, r.content, vector) for r in records if (vector := old[r.key].vector) is not None]
        self._table.write(rows, old, keep_numbers=True)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of these rows, or none."""
        with self._store.writing():
            self._store.require(keys)
            self._table.delete(keys)
        if keys:
            self._acknowledge()

    def _acknowledge(self) -> None:
        if self._store.connection.address.acknowledge == "flush":
            self._table.flush()

    # ---- reading ----

    def reading(self) -> AbstractContextManager[None]:
        """Within it, this thread reads metadata once; rows are no snapshot."""
        return self._store.read_transaction()

    def _rows(self, *, vectors: bool) -> list[Row]:
        return sorted(self._table.scan(vectors=vectors), key=lambda row: row.number)

    def records(self) -> Iterator[Record]:
        """All records, in insertion order."""
        return iter([row.record for row in self._rows(vectors=False)])

    def vectors(self) -> Vectors:
        """(N, D), in the order of `records`."""
        return self.table()[1]

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors; rows that others write meanwhile are there or not, each whole."""
        rows = self._rows(vectors=True)
        return [row.record for row in rows], self._stacked(rows)

    def take(self, keys: Sequence[str]) -> tuple[list[Record], Vectors]:
        """Records and vectors of those keys that exist, in the order of `keys`."""
        found = self._table.get(keys, vectors=True)
        rows = [found[key] for key in keys if key in found]
        return [row.record for row in rows], self._stacked(rows)

    def _stacked(self, rows: Sequence[Row]) -> Vectors:
        stacked = np.empty((len(rows), self._table.dim), dtype=np.float32)
        for position, row in enumerate(rows):
            stacked[position] = row.vector
        return stacked

    def find(self, key: str) -> tuple[Record, Vector] | None:
        """Record and vector of a key."""
        records, vectors = self.take([key])
        return (records[0], vectors[0]) if records else None

    def search(
        self,
        query: Float32[np.ndarray, " D"],
        count: int,
        *,
        cameras: frozenset[str] | None,
        time: tuple[float, float] | None,
        without: str | None,
        hidden: bool,
    ) -> list[tuple[Record, float]]:
        """The nearest records and their scores, best first; ties in insertion order."""
        out = frozenset({without} if without is not None else ())
        with self._store.read_transaction():
            # Read at the same time as the rows: with strong consistency every read waits for the server.
            reading = self._pool.submit(self._read_state)
            state = self._state or reading.result()[1]
            while True:
                skipped = out if hidden else out | state.hidden
                rows = self._candidates(query, count, state.tuning, filter_of(cameras, time, skipped), time)
                entries, now = reading.result()
                if now == state:
                    break
                state = now
            self._state = state
            self._store.provide(entries)
        vectors = self._stacked(rows)
        scores = np.einsum("nd,d->n", vectors, query)
        order = np.lexsort(([row.number for row in rows], -scores))[:count]
        return [(rows[i].record, float(scores[i])) for i in order]

    def _read_state(self) -> tuple[dict[str, str], _State]:
        with self._store.read_transaction():
            entries = self._store.entries()
            return entries, _State(self._store.hidden(), Tuning.from_json(entries.get(META + TUNING)))

    def _candidates(
        self,
        query: Vector,
        count: int,
        tuning: Tuning,
        expression: str,
        time: tuple[float, float] | None,
    ) -> list[Row]:
        wanted = count + _SPARE
        if wanted > MOST_HITS:
            raise GalleryError(
                "A search on Milvus has a limit",
                expected=f"k of at most {MOST_HITS - _SPARE:,}",
                found=count,
                where=self._store.connection.address,
            )
        found = self._store.connection.call(
            "search",
            self._table.collection,
            data=[query],
            anns_field="vector",
            limit=wanted,
            filter=expression,
            output_fields=list(_FIELDS),
            partition_names=None if time is None else partitions_within(time, self._table.partitions()),
            search_params=search_parameters(tuning, wanted, filtered=bool(expression)),
            consistency_level=self._store.connection.consistency,
        )
        rows = [from_entity(dict(hit["entity"])) for hit in found[0]]
        if any(row.vector is None or abs(float(row.vector @ row.vector) - 1) > 2e-3 for row in rows):
            raise GalleryFileError("A vector of the gallery is damaged", where=self._store.connection.address)
        return rows

    # ---- the index ----

    def describe(self) -> str:
        """The index in use, for people."""
        return describe(index_of(self._table), Tuning.from_json(self._store.meta(TUNING)))

    def refresh(self) -> None:
        """Bring rows into the object store; choose the index by their number, and measure its parameters."""
        self._table.flush()
        tuning = Tuning.from_json(self._store.meta(TUNING))
        if (measured := tune_and_choose(self._table, tuning)) is not None:
            self._store.set_meta(TUNING, measured.to_json())

    def close(self) -> None:
        """Close the connection."""
        self._pool.shutdown(wait=False)
        self._store.close()
