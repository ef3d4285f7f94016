"""Nearest-neighbour indexes: exact for small galleries, approximate for large ones.

Both hold rows of unit length by position (0, 1, 2, ...), append at the end, and return the positions of
candidates; the engine computes the exact scores.

The approximate index is FAISS: vectors are centred and projected on their principal components (PCA keeps
euclidean neighbours and so, at unit length, cosine ones); an inverted file with 4-bit product-quantiser codes
per two components, of the first 128; and 8-bit scalar codes of the first 256 components to re-rank its
candidates. A component of high variance shares its 4 bits with one of low variance ("eigenvalue allocation",
Ge et al., Optimized Product Quantization, 2013). The number of lists to visit is measured on rows of the
gallery when the index is built.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float32, UInt8

from stca.gallery.engine import Vectors
from stca.gallery.index.faiss_import import import_faiss, threads
from stca.gallery.index.training import trained_index
from stca.gallery.index.tuning import FILTERED, Effort, Mask, Positions, Tuning, tune
from stca.tools.cores import cores


class Index(Protocol):
    """An index over rows of unit length."""

    def __len__(self) -> int: ...

    def add(self, vectors: Vectors) -> None:
        """Append rows."""
        ...

    def search(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Positions:
        """Positions of at most `count` candidates among the allowed rows (None: all), in no order."""
        ...

    def __str__(self) -> str: ...


class ExactIndex:
    """All rows in memory, one product per search."""

    def __init__(self, dim: int) -> None:
        self._rows = np.empty((0, dim), dtype=np.float32)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def __str__(self) -> str:
        return "exact"

    def reserve(self, rows: int) -> None:
        """Make room for so many rows."""
        if rows > len(self._rows):
            room = np.empty((rows, self._rows.shape[1]), dtype=np.float32)
            room[: self._used] = self._rows[: self._used]
            self._rows = room

    def add(self, vectors: Vectors) -> None:
        """Append rows."""
        needed = self._used + len(vectors)
        if needed > len(self._rows):
            self.reserve(max(needed, len(self._rows) * 5 // 4))
        self._rows[self._used : needed] = vectors
        self._used = needed

    def search(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Positions:
        """Positions of the `count` nearest allowed rows, in no order."""
        rows = self._rows[: self._used]
        if allowed is None:
            return _largest(rows @ query, count)
        positions = np.flatnonzero(allowed)
        few = 4 * len(positions) < len(rows)
        scores = rows[positions] @ query if few else (rows @ query)[positions]
        nearest: Positions = positions[_largest(scores, count)]
        return nearest


def _largest(scores: Float32[np.ndarray, " N"], count: int) -> Positions:
    if count >= len(scores):
        return np.arange(len(scores))
    order: Positions = np.argpartition(scores, len(scores) - count)
    best: Positions = order[len(scores) - count :]
    return best


_FEW = 4096
"""If at most this many rows (or 1 %) pass a filter, all of them are compared by their 8-bit codes."""
_MANY = 100_000
"""Rows scanned by a query above which several threads are faster than one."""
_SHARED_LISTS = 15
"""FAISS's `implem` number of the search in which threads share the lists of one query."""
_NARROWING = 0.2
"""Exponent: a filter that passes 1/n of the measured fraction needs n**0.2 times as many lists."""
_SPARE = 5
"""Extra candidates beyond k: 8-bit codes may order them wrongly; the engine orders them by float32."""


class FastIndex:
    """FAISS: PCA, inverted lists of 4-bit codes, re-ranked by 8-bit codes (`stca.gallery.index.training`)."""

    def __init__(self, faiss_index: Any, tuning: Tuning) -> None:
        self._faiss = import_faiss()
        self._index, self.tuning = faiss_index, tuning
        refine = self._faiss.downcast_index(faiss_index.index)
        self._refine = self._faiss.downcast_index(refine.refine_index)
        coarse = self._faiss.downcast_index(refine.base_index)
        ivf = self._faiss.downcast_index(coarse.index)
        ivf.implem = _SHARED_LISTS
        self._lists = int(ivf.nlist)
        self._filters: dict[int, _Filter] = {}

    @classmethod
    def build(cls, vectors: Vectors, *, seed: int = 0) -> FastIndex:
        """Train on a sample of the rows, add all rows, and measure how many lists a search must visit."""
        built = cls(trained_index(vectors, seed=seed), Tuning(len(vectors), 1, 1, 1, 0.0, 0.0))
        for start in range(0, len(vectors), 1 << 14):
            built.add(vectors[start : start + (1 << 14)])
        built.tuning = tune(built.visit, built.lists, vectors, seed=seed, workers=cores())
        return built

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def __str__(self) -> str:
        t = self.tuning
        return (
            f"approximate, {t.probes} of {self._lists} lists visited, {t.candidates} candidates; built for "
            f"{t.rows:,} rows with recall@10 {t.recall:.3f}, by camera {t.recall_filtered:.3f}"
        )

    @property
    def faiss_index(self) -> Any:
        """The FAISS index, for serialisation."""
        return self._index

    @property
    def lists(self) -> int:
        """Number of inverted lists."""
        return self._lists

    def add(self, vectors: Vectors) -> None:
        """Append rows."""
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def search(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Positions:
        """Positions of `count` candidates or a few more among the allowed rows, in no order."""
        there = len(self) if allowed is None else self._filter(allowed).rows
        if allowed is not None and there <= max(_FEW, len(self) // 100):
            return self._search_codes(query, count, allowed)
        lists = self._lists_to_visit(there / len(self))
        many = lists / self._lists * len(self) >= _MANY
        workers = self._faiss.omp_get_max_threads() if many else 1
        found = self.visit(query, count, Effort(lists, self.tuning.candidates), allowed, workers=workers)
        if len(found) < min(count, there):  # the visited lists hold fewer rows
            return self._search_codes(query, count, allowed)
        return found

    def _lists_to_visit(self, part: float) -> int:
        """Interpolate (and extrapolate) between the lists measured for all rows and for an eighth of them."""
        t = self.tuning
        steepness = math.log(t.probes_filtered / t.probes) / math.log(1 / FILTERED)
        if part >= FILTERED:
            wanted: float = t.probes * part**-steepness
        else:
            wanted = t.probes_filtered * (FILTERED / part) ** max(steepness, _NARROWING)
        return min(self._lists, math.ceil(wanted))

    def visit(
        self,
        query: Float32[np.ndarray, " D"],
        count: int,
        effort: Effort,
        allowed: Mask | None,
        *,
        workers: int = 1,
    ) -> Positions:
        """`search` with a given effort and number of threads; thread-safe."""
        faiss, wanted = self._faiss, min(count + _SPARE, len(self))
        chosen = None if allowed is None else self._filter(allowed)
        inner = faiss.SearchParametersIVF(nprobe=effort.lists, sel=chosen and chosen.selector)
        refine = faiss.IndexRefineSearchParameters(
            k_factor=max(4.0, effort.candidates / wanted),
            base_index_params=faiss.SearchParametersPreTransform(index_params=inner),
        )
        parameters = faiss.SearchParametersPreTransform(index_params=refine)
        with threads(faiss, workers):
            return _faiss_search(self._index, query[None], wanted, parameters)

    def _search_codes(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Positions:
        """Compare the 8-bit codes of all allowed rows."""
        faiss = self._faiss
        chosen = None if allowed is None else self._filter(allowed)
        projected = self._index.chain.at(0).apply(query[None])
        parameters = faiss.SearchParameters(sel=chosen and chosen.selector)
        with threads(faiss, 1):
            return _faiss_search(self._refine, projected, min(count + _SPARE, len(self)), parameters)

    def _filter(self, allowed: Mask) -> _Filter:
        """FAISS selector of a mask, one bit per row; the last 16 are cached, since filters recur.

        Callers hold the returned object while they search: another thread may clear the cache.
        """
        found = self._filters.get(id(allowed))
        if found is None:
            if len(self._filters) >= 16:
                self._filters.clear()
            bits = np.packbits(allowed, bitorder="little")
            selector = self._faiss.IDSelectorBitmap(len(bits), self._faiss.swig_ptr(bits))
            rows = int(np.count_nonzero(allowed))
            found = self._filters[id(allowed)] = _Filter(allowed, bits, selector, rows)
        return found


def _faiss_search(index: Any, query: Float32[np.ndarray, "1 D"], wanted: int, parameters: Any) -> Positions:
    """Search; FAISS pads with -1 where it finds fewer than wanted."""
    _, positions = index.search(query, wanted, params=parameters)
    found: Positions = positions[0][positions[0] >= 0]
    return found


class _Filter(NamedTuple):
    """The selector points into `bits`; `allowed` is kept alive so that its id() stays unique."""

    allowed: Mask
    bits: UInt8[np.ndarray, " bytes"]
    selector: Any
    rows: int
