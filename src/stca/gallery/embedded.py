"""The engine inside the process: SQLite keeps, an index in memory finds.

Before every answer the index is brought up to the state of the last commit, whoever made it: new rows are
added, removed ones are left out. When too many are new or gone, it is built again. Candidates of the index
are scored exactly, by their float32 vectors.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Int64

from stca.gallery.engine import Vectors
from stca.gallery.index.file import SavedIndex, load_index, save_index
from stca.gallery.index.indexes import ExactIndex, FastIndex, Index
from stca.gallery.index.tuning import Mask
from stca.gallery.records import Added, Record
from stca.gallery.store.store import Store

EXACT_VALUES = 1 << 25
"""Up to so many numbers (rows times dimensions; 128 MiB) all are compared, in some ten milliseconds."""
_BATCH = 1000


class EmbeddedEngine:
    """One open gallery folder. Threads take turns; other processes may read, and write, meanwhile."""

    def __init__(self, store: Store, dim: int) -> None:
        self._store, self._dim = store, dim
        self._lock = threading.RLock()
        self._forget()

    @property
    def store(self) -> Store:
        """Where rows are kept."""
        return self._store

    # ---- writing ----

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows, a thousand to a commit."""
        done = Added()
        for start in range(0, len(records), _BATCH):
            part = slice(start, start + _BATCH)
            with self._lock:
                done += self._store.add(records[part], vectors[part], replace=replace)
        return done

    def update(self, records: Sequence[Record]) -> int:
        """Write what is known of those beside their vectors."""
        with self._lock:
            return self._store.update(records)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of those, or none."""
        with self._lock:
            self._store.remove(keys)

    def set_persons(self, persons: dict[str, int | None]) -> None:
        """Say who those are."""
        with self._lock:
            self._store.set_persons(persons)

    # ---- reading ----

    def records(self) -> Iterator[Record]:
        """All, in the order in which they came."""
        return iter(self._store.records())

    def vectors(self) -> Vectors:
        """(N, D), in the order of `records`."""
        with self._lock, self._store.reading():
            found = np.empty((len(self._store.ids()), self._dim), dtype=np.float32)
            start = 0
            for block in self._store.blocks(self._dim):
                found[start : start + len(block)] = block
                start += len(block)
        return found

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors of one and the same moment."""
        with self._lock, self._store.reading():
            return self._store.records(), self.vectors()

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
    ) -> list[tuple[Record, float]]:
        """The nearest records and their scores, the best first; of equals the one that came first."""
        with self._lock, self._store.reading():
            self._refresh()
            allowed = self._allowed(cameras, time)
            more = count + (without is not None)
            places = self._index.search(query, more, allowed) if len(self._index) else np.empty(0, np.int64)
            ids, vectors = self._store.vectors_of(self._ids[places].tolist(), self._dim)
            # Not `@`: BLAS would wake its threads for so little.
            scores = np.einsum("nd,d->n", vectors, query)
            own = None if without is None else self._store.number_of(without)
            order = [i for i in np.lexsort((ids, -scores)) if ids[i] != own][:count]
            records = self._store.records_of([ids[i] for i in order])
        return [(records[ids[i]], float(scores[i])) for i in order]

    def describe(self) -> str:
        """How a search goes about it now."""
        with self._lock, self._store.reading():
            self._refresh()
            return str(self._index)

    # ---- the index ----

    def refresh(self) -> None:
        """Bring the index up to date, and write it to disk where much of it is not there yet."""
        with self._lock, self._store.reading():
            self._refresh()
            self._save(atleast=len(self._ids) // 20)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._store.close()

    def _forget(self) -> None:
        self._index: Index = ExactIndex(self._dim)
        self._ids: Int64[np.ndarray, " N"] = np.empty(0, dtype=np.int64)
        self._alive: Mask = np.empty(0, dtype=bool)
        self._codes: dict[str, int] = {}
        self._camera = np.empty(0, dtype=np.int32)
        self._first, self._last = np.empty(0), np.empty(0)
        self._counters = (-1, 0, 0)
        self._filters: dict[object, Mask | None] = {}
        self._saved = 0

    def _refresh(self) -> None:
        """To the state of the transaction that is open."""
        counters = self._store.counters()
        if counters == self._counters:
            return
        try:
            if self._counters[0] < 0:
                self._begin()
            elif counters[2] != self._counters[2]:
                self._describe_rows()
            elif counters[1] != self._counters[1]:
                self._alive = np.isin(self._ids, self._store.ids(), assume_unique=True)
            self._top_up()
            self._filters.clear()
            if self._should_build():
                self._build()
            self._counters = counters
        except BaseException:
            self._forget()  # half brought up to date is worse than not begun
            raise

    def _begin(self) -> None:
        """Start from the index on disk, if it is of this gallery's past."""
        if len(self._store.ids()) * self._dim <= EXACT_VALUES:
            return
        saved = load_index(self._store.folder)
        if saved is None or not self._fits(saved):
            return
        self._index, self._saved = saved.index, len(saved.ids)
        self._note_rows(saved.ids)
        self._describe_rows()

    def _fits(self, saved: SavedIndex) -> bool:
        rows = self._store.ids()
        covered = np.isin(rows[rows <= saved.last_id], saved.ids, assume_unique=True)
        return (
            saved.gallery == self._store.note("id")
            and self._store.has_commit(saved.last_id, saved.token)
            and bool(covered.all())
        )

    def _top_up(self) -> None:
        """Take in the rows that came since."""
        after = int(self._ids[-1]) if len(self._ids) else 0
        rows = self._store.table(after=after)
        if not rows:
            return
        start = len(self._ids)
        self._note_rows(np.array([row[0] for row in rows], dtype=np.int64))
        for place, (_, camera, first, last) in enumerate(rows, start):
            self._describe_row(place, camera, first, last)
        if start or len(rows) * self._dim <= EXACT_VALUES:
            for block in self._store.blocks(self._dim, after=after):
                self._index.add(block)

    def _note_rows(self, ids: Int64[np.ndarray, " M"]) -> None:
        count = len(ids)
        self._ids = np.concatenate([self._ids, ids])
        self._alive = np.concatenate([self._alive, np.zeros(count, dtype=bool)])
        self._camera = np.concatenate([self._camera, np.full(count, -1, dtype=np.int32)])
        self._first = np.concatenate([self._first, np.full(count, np.nan)])
        self._last = np.concatenate([self._last, np.full(count, np.nan)])

    def _describe_rows(self) -> None:
        """Those that are noted, as they are now; what is not there any more is not alive."""
        places = {row: place for place, row in enumerate(self._ids.tolist())}
        self._alive[:] = False
        for row, camera, first, last in self._store.table():
            if (place := places.get(row)) is not None:
                self._describe_row(place, camera, first, last)

    def _describe_row(self, place: int, camera: str, first: float | None, last: float | None) -> None:
        if camera not in self._codes:
            self._codes[camera] = len(self._codes)
        self._alive[place] = True
        self._camera[place] = self._codes[camera]
        self._first[place] = np.nan if first is None else first
        self._last[place] = np.nan if last is None else last

    def _should_build(self) -> bool:
        alive = int(self._alive.sum())
        if alive * self._dim <= EXACT_VALUES:
            return isinstance(self._index, FastIndex) or alive < len(self._ids) // 2
        if isinstance(self._index, FastIndex):
            return len(self._ids) > 2 * self._index.tuning.rows or alive < len(self._ids) * 3 // 4
        return True

    def _build(self) -> None:
        """Anew from the vectors in SQLite, without what was removed."""
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
        gallery = self._store.note("id") or ""
        save_index(self._store.folder, SavedIndex(self._index, self._ids, gallery, *commit))
        self._saved = len(self._ids)

    def _allowed(self, cameras: frozenset[str] | None, time: tuple[float, float] | None) -> Mask | None:
        """Which rows may be answers; None where all may. The last filters are kept: they come again."""
        asked = cameras, time
        if asked not in self._filters:
            if len(self._filters) >= 16:
                self._filters.clear()
            self._filters[asked] = self._mask(cameras, time)
        return self._filters[asked]

    def _mask(self, cameras: frozenset[str] | None, time: tuple[float, float] | None) -> Mask | None:
        if cameras is None and time is None and self._alive.all():
            return None
        mask = self._alive.copy()
        if cameras is not None:
            mask &= np.isin(self._camera, [self._codes[c] for c in cameras if c in self._codes])
        if time is not None:
            mask &= (self._first <= time[1]) & (self._last >= time[0])  # not where no times are known
        return mask
