"""Finding the nearest of many vectors: exactly while they are few, approximately when they are many.

Both kinds hold rows of unit length by their place (0, 1, 2, ...), take more at the end, and give places of
candidates; scores are computed by the engine, exactly.

The approximate one is FAISS: the vectors centred and projected on their main directions (PCA, which keeps
euclidean neighbours and so, at unit length, cosine ones); an inverted file whose codes have 4 bits per two
directions, of the first 128 (scanned in registers); and 8 bits per direction, of the first 256, to re-rank
what they find. A direction of much variance shares its 4 bits with one of little (the "eigenvalue allocation"
of Ge et al., Optimized Product Quantization, 2013). How many lists a search visits is not guessed but
measured when the index is built, on rows of the gallery itself.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float32, UInt8

from stca.gallery.engine import Vectors
from stca.gallery.index.faiss_import import import_faiss, threads
from stca.gallery.index.training import trained_index
from stca.gallery.index.tuning import FILTERED, Effort, Mask, Places, Tuning, tune
from stca.tools.devices import cores


class Index(Protocol):
    """Rows of unit length by place."""

    def __len__(self) -> int: ...

    def add(self, vectors: Vectors) -> None:
        """Put rows behind the last."""
        ...

    def search(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Places:
        """Places of at most `count` candidates among the allowed rows (None: all), in no order."""
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

    def add(self, vectors: Vectors) -> None:
        """Put rows behind the last."""
        needed = self._used + len(vectors)
        if needed > len(self._rows):
            room = np.empty((max(needed, len(self._rows) * 3 // 2), vectors.shape[1]), dtype=np.float32)
            room[: self._used] = self._rows[: self._used]
            self._rows = room
        self._rows[self._used : needed] = vectors
        self._used = needed

    def search(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Places:
        """Places of the `count` nearest allowed rows, in no order."""
        rows = self._rows[: self._used]
        if allowed is None:
            return _largest(rows @ query, count)
        places = np.flatnonzero(allowed)
        few = 4 * len(places) < len(rows)
        scores = rows[places] @ query if few else (rows @ query)[places]
        nearest: Places = places[_largest(scores, count)]
        return nearest


def _largest(scores: Float32[np.ndarray, " N"], count: int) -> Places:
    if count >= len(scores):
        return np.arange(len(scores))
    order: Places = np.argpartition(scores, len(scores) - count)
    best: Places = order[len(scores) - count :]
    return best


_FEW = 4096
"""Rows that are compared by their 8-bit codes where no more pass a filter, or a hundredth of all."""
_MANY = 100_000
"""Rows that a query meets from which on threads give more than they cost."""
_SHARED_LISTS = 15
"""FAISS's number for the search in which threads share the lists of one query."""
_NARROWING = 0.2
"""Where a filter lets less pass than was measured by, say 1/n of it, n to this power times as many lists."""
_SPARE = 5
"""Candidates beyond those that are asked for: 8 bits may order them wrongly, float32 will not."""


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
        """Train on some of the rows, add all, and measure how many lists a search must visit."""
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
        """To be written to a file."""
        return self._index

    @property
    def lists(self) -> int:
        """How many there are."""
        return self._lists

    def add(self, vectors: Vectors) -> None:
        """Put rows behind the last."""
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def search(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Places:
        """Places of `count` candidates or a few more among the allowed rows, in no order."""
        there = len(self) if allowed is None else self._filter(allowed).rows
        if allowed is not None and there <= max(_FEW, len(self) // 100):
            return self._compare(query, count, allowed)
        lists = self._enough_lists(there / len(self))
        many = lists / self._lists * len(self) >= _MANY
        workers = self._faiss.omp_get_max_threads() if many else 1
        found = self.visit(query, count, Effort(lists, self.tuning.candidates), allowed, workers=workers)
        if len(found) < min(count, there):  # more than these lists hold, or codes that tell nothing apart
            return self._compare(query, count, allowed)
        return found

    def _enough_lists(self, part: float) -> int:
        """Between what was measured for all rows and for an eighth, and beyond."""
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
    ) -> Places:
        """`search` with that effort, by so many threads; may be called by several at once."""
        faiss, wanted = self._faiss, min(count + _SPARE, len(self))
        chosen = None if allowed is None else self._filter(allowed)
        inner = faiss.SearchParametersIVF(nprobe=effort.lists, sel=chosen and chosen.selector)
        refine = faiss.IndexRefineSearchParameters(
            k_factor=max(4.0, effort.candidates / wanted),
            base_index_params=faiss.SearchParametersPreTransform(index_params=inner),
        )
        parameters = faiss.SearchParametersPreTransform(index_params=refine)
        with threads(faiss, workers):
            return _places(self._index, query[None], wanted, parameters)

    def _compare(self, query: Float32[np.ndarray, " D"], count: int, allowed: Mask | None) -> Places:
        """By the 8-bit codes of all allowed rows."""
        faiss = self._faiss
        chosen = None if allowed is None else self._filter(allowed)
        projected = self._index.chain.at(0).apply(query[None])
        parameters = faiss.SearchParameters(sel=chosen and chosen.selector)
        with threads(faiss, 1):
            return _places(self._refine, projected, min(count + _SPARE, len(self)), parameters)

    def _filter(self, allowed: Mask) -> _Filter:
        """One bit per row, for FAISS; the last ones are kept, since the same filters come again.

        Who searches by one holds it meanwhile: another thread may put its own in its place.
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


def _places(index: Any, query: Float32[np.ndarray, "1 D"], wanted: int, parameters: Any) -> Places:
    """What FAISS finds; it fills up with -1 where that is less than wanted."""
    _, places = index.search(query, wanted, params=parameters)
    found: Places = places[0][places[0] >= 0]
    return found


class _Filter(NamedTuple):
    """What may be an answer; the selector only points at the bits, and the mask keeps its identity taken."""

    allowed: Mask
    bits: UInt8[np.ndarray, " bytes"]
    selector: Any
    rows: int
