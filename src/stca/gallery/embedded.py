"""The in-process engine: rows in SQLite, an index in memory.

Before every search the index is brought up to the last commit, of this or another process: new rows are
appended, removed ones masked. After many changes it is rebuilt. Candidates of the index are scored exactly,
by their float32 vectors.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from jaxtyping import Float32, Int64

from stca.gallery.engine import Vectors
from stca.gallery.index.file import SavedIndex, load_index, save_index
from stca.gallery.index.indexes import ExactIndex, FastIndex, Index
from stca.gallery.index.tuning import Mask
from stca.gallery.records import Added, Record
from stca.gallery.store.erasing import ErasingStore

EXACT_VALUES = 1 << 25
"""Up to this many numbers (rows times dimensions; 128 MiB) search is exact, in some ten milliseconds."""
_BATCH = 1000


class EmbeddedEngine:
    """One open gallery folder. Thread-safe; other processes may read and write at the same time."""

    def __init__(self, store: ErasingStore, dim: int) -> None:
        self._store, self._dim = store, dim
        self._lock = threading.RLock()
        self._reset()

    @property
    def store(self) -> ErasingStore:
        """The SQLite store."""
        return self._store

    # ---- writing ----

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows, 1,000 per commit."""
        done = Added()
        for start in range(0, len(records), _BATCH):
            part = slice(start, start + _BATCH)
            with self._lock:
                done += self._store.add(records[part], vectors[part], replace=replace)
        return done

    def update(self, records: Sequence[Record]) -> int:
        """Update metadata of existing rows; returns how many changed."""
        with self._lock:
            return self._store.update(records)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of these rows, or none."""
        with self._lock:
            self._store.remove(keys)

    # ---- reading ----

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot for several reads. The engine's lock comes before the store's, here and everywhere."""
        with self._lock, self._store.read_transaction():
            yield

    def records(self) -> Iterator[Record]:
        """All records, in insertion order."""
        return iter(self._store.records())

    def vectors(self) -> Vectors:
        """(N, D), in the order of `records`."""
        with self.reading():
            found = np.empty((len(self._store.ids()), self._dim), dtype=np.float32)
            start = 0
            for block in self._store.blocks(self._dim):
                found[start : start + len(block)] = block
                start += len(block)
        return found

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors of one snapshot."""
        with self.reading():
            return self._store.records(), self.vectors()

    def take(self, keys: Sequence[str]) -> tuple[list[Record], Vectors]:
        """Records and vectors of those keys that exist, in the order of `keys`."""
        with self.reading():
            return self._store.rows_of(keys, self._dim)

    def find(self, key: str) -> tuple[Record, Float32[np.ndarray, " D"]] | None:
        """Record and vector of a key."""
        with self._lock:
            return self._store.row(key, self._dim)

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
        with self.reading():
            self._refresh()
            allowed = self._allowed(cameras, time, hidden)
            more = count + (without is not None)
            positions = (
                self._index.search(query, more, allowed) if len(self._index) else np.empty(0, np.int64)
            )
            ids, vectors = self._store.vectors_of(self._ids[positions].tolist(), self._dim)
            # Not `@`: for so few rows, waking BLAS threads costs more than it saves.
            scores = np.einsum("nd,d->n", vectors, query)
            own = None if without is None else self._store.number_of(without)
            order = [i for i in np.lexsort((ids, -scores)) if ids[i] != own][:count]
            records = self._store.records_of([ids[i] for i in order])
        return [(records[ids[i]], float(scores[i])) for i in order]

    def describe(self) -> str:
        """The index in use, for people."""
        with self.reading():
            self._refresh()
            return str(self._index)

    # ---- the index ----

    def refresh(self) -> None:
        """Bring the index up to date, and save it if over 5 % of its rows are not on disk yet."""
        with self.reading():
            self._refresh()
            self._save(atleast=len(self._ids) // 20)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._store.close()

    def _reset(self) -> None:
        self._index: Index = ExactIndex(self._dim)
        self._ids: Int64[np.ndarray, " N"] = np.empty(0, dtype=np.int64)
        self._alive: Mask = np.empty(0, dtype=bool)
        self._codes: dict[str, int] = {}
        self._camera = np.empty(0, dtype=np.int32)
        self._first, self._last = np.empty(0), np.empty(0)
        self._hidden: Mask = np.empty(0, dtype=bool)
        self._counters, self._era = (-1, 0, 0), ""
        self._filters: dict[object, Mask | None] = {}
        self._saved = 0

    def _refresh(self) -> None:
        """Bring the index to the state of the open transaction."""
        counters, era = self._store.counters(), self._store.era()
        if era != self._era:
            self._reset()  # rows were erased, or another state restored: nothing of the old index may stay
            self._era = era
        if counters == self._counters:
            return
        try:
            if self._counters[0] < 0:
                self._load_saved()
            elif counters[2] != self._counters[2]:
                self._reload_metadata()
            elif counters[1] != self._counters[1]:
                self._alive = np.isin(self._ids, self._store.ids(), assume_unique=True)
            self._add_new_rows()
            self._filters.clear()
            if self._needs_rebuild():
                self._rebuild()
            self._hidden = np.isin(self._ids, self._store.hidden_ids())
            self._counters = counters
        except BaseException:
            self._reset()  # never search a partly updated index
            raise

    def _load_saved(self) -> None:
        """Load the index from disk, if it belongs to an earlier state of this gallery."""
        if len(self._store.ids()) * self._dim <= EXACT_VALUES:
            return
        saved = load_index(self._store.folder)
        if saved is None or not self._fits(saved):
            return
        self._index, self._saved = saved.index, len(saved.ids)
        self._append_rows(saved.ids)
        self._reload_metadata()

    def _fits(self, saved: SavedIndex) -> bool:
        rows = self._store.ids()
        covered = np.isin(rows[rows <= saved.last_id], saved.ids, assume_unique=True)
        return (
            saved.gallery == self._store.meta("id")
            and saved.era == self._store.era()
            and self._store.has_commit(saved.last_id, saved.token)
            and bool(covered.all())
        )

    def _add_new_rows(self) -> None:
        """Append the rows that were added since the last refresh."""
        after = int(self._ids[-1]) if len(self._ids) else 0
        rows = self._store.table(after=after)
        if not rows:
            return
        start = len(self._ids)
        self._append_rows(np.array([row[0] for row in rows], dtype=np.int64))
        for position, (_, camera, first, last) in enumerate(rows, start):
            self._set_metadata(position, camera, first, last)
        if start or len(rows) * self._dim <= EXACT_VALUES:
            if not start and isinstance(self._index, ExactIndex):
                self._index.reserve(len(rows))
            for block in self._store.blocks(self._dim, after=after):
                self._index.add(block)

    def _append_rows(self, ids: Int64[np.ndarray, " M"]) -> None:
        count = len(ids)
        self._ids = np.concatenate([self._ids, ids])
        self._alive = np.concatenate([self._alive, np.zeros(count, dtype=bool)])
        self._camera = np.concatenate([self._camera, np.full(count, -1, dtype=np.int32)])
        self._first = np.concatenate([self._first, np.full(count, np.nan)])
        self._last = np.concatenate([self._last, np.full(count, np.nan)])

    def _reload_metadata(self) -> None:
        """Reload the filter columns of all indexed rows; rows that were removed are marked as not alive."""
        positions = {row: position for position, row in enumerate(self._ids.tolist())}
        self._alive[:] = False
        for row, camera, first, last in self._store.table():
            if (position := positions.get(row)) is not None:
                self._set_metadata(position, camera, first, last)

    def _set_metadata(self, position: int, camera: str, first: float | None, last: float | None) -> None:
        if camera not in self._codes:
            self._codes[camera] = len(self._codes)
        self._alive[position] = True
        self._camera[position] = self._codes[camera]
        self._first[position] = np.nan if first is None else first
        self._last[position] = np.nan if last is None else last

    def _needs_rebuild(self) -> bool:
        alive = int(self._alive.sum())
        if alive * self._dim <= EXACT_VALUES:
            return isinstance(self._index, FastIndex) or alive < len(self._ids) // 2
        if isinstance(self._index, FastIndex):
            return len(self._ids) > 2 * self._index.tuning.rows or alive < len(self._ids) * 3 // 4
        return True

    def _rebuild(self) -> None:
        """Rebuild the index from the vectors in SQLite, without removed rows."""
        kept = self._alive
        self._ids, self._camera = self._ids[kept], self._camera[kept]
        self._first, self._last = self._first[kept], self._last[kept]
        self._alive = kept[kept]
        vectors = self.vectors()
        if vectors.size <= EXACT_VALUES:
            self._index = ExactIndex(self._dim)
            self._index.add(vectors)
            return
        self._index = FastIndex.build(vectors)
        self._saved = 0
        self._save(atleast=0)

    def _save(self, *, atleast: int) -> None:
        commit = self._store.last_commit()
        if not isinstance(self._index, FastIndex) or not self._store.writable or commit is None:
            return
        if len(self._ids) - self._saved <= atleast:
            return
        gallery = self._store.meta("id") or ""
        save_index(self._store.folder, SavedIndex(self._index, self._ids, gallery, *commit, self._era))
        self._saved = len(self._ids)

    def _allowed(
        self, cameras: frozenset[str] | None, time: tuple[float, float] | None, hidden: bool
    ) -> Mask | None:
        """Mask of the rows that pass the filters; None if all do. The last 16 masks are cached."""
        key = cameras, time, hidden
        if key not in self._filters:
            if len(self._filters) >= 16:
                self._filters.clear()
            self._filters[key] = self._mask(cameras, time, hidden)
        return self._filters[key]

    def _mask(
        self, cameras: frozenset[str] | None, time: tuple[float, float] | None, hidden: bool
    ) -> Mask | None:
        mask = self._alive.copy() if hidden else self._alive & ~self._hidden
        if cameras is None and time is None and mask.all():
            return None
        if cameras is not None:
            mask &= np.isin(self._camera, [self._codes[c] for c in cameras if c in self._codes])
        if time is not None:
            mask &= (self._first <= time[1]) & (self._last >= time[0])  # NaN: rows without times do not pass
        return mask
