"""Finding the nearest of many vectors: exactly while they are few, approximately when they are many.

Both kinds hold rows of unit length by their place (0, 1, 2, ...), take more at the end, and give places of
candidates; scores are computed by the engine, exactly.

The approximate one is FAISS: the vectors centred and projected on their main directions (PCA, which keeps
euclidean neighbours and so, at unit length, cosine ones); an inverted file whose codes have 4 bits per two
directions, of the first 128 (scanned in registers); and 8 bits per direction, of the first 256, to re-rank
what they find. A direction of much variance shares its 4 bits with one of little (the "eigenvalue allocation"
of Ge et al., Optimized Product Quantization, 2013): a fourth of the candidates is then enough. How many lists
a search visits is not guessed but measured when the index is built, on rows of the gallery itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8

from stca.errors import GalleryError
from stca.gallery.engine import Vectors
from stca.gallery.tuning import FILTERED, Effort, Mask, Places, Tuning, tune


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


_WIDE, _CODED = 256, 128
_SCAN_BELOW = 0.01
_MANY = 100_000
_LISTS_IN_PARALLEL = 15  # FAISS's number for: threads share the lists of one query, candidates in a reservoir


class FastIndex:
    """FAISS: PCA, inverted lists of 4-bit codes, re-ranked by 8-bit codes."""

    def __init__(self, faiss_index: Any, tuning: Tuning) -> None:
        self._faiss = import_faiss()
        self._index, self.tuning = faiss_index, tuning
        refine = self._faiss.downcast_index(faiss_index.index)
        self._refine = self._faiss.downcast_index(refine.refine_index)
        coarse = self._faiss.downcast_index(refine.base_index)
        ivf = self._faiss.downcast_index(coarse.index)
        ivf.implem = _LISTS_IN_PARALLEL
        self._lists = int(ivf.nlist)
        self._filters: dict[int, _Filter] = {}

    @classmethod
    def build(cls, vectors: Vectors, *, seed: int = 0) -> FastIndex:
        """Train on some of the rows, add all, and measure how many lists a search must visit."""
        faiss = import_faiss()
        index = _untrained(faiss, *vectors.shape)
        _train(faiss, index, vectors, seed=seed)
        built = cls(index, Tuning(len(vectors), 1, 1, 1, 0.0, 0.0))
        for start in range(0, len(vectors), 1 << 14):
            built.add(vectors[start : start + (1 << 14)])
        built.tuning = tune(built.visit, built.lists, vectors, seed=seed)
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
        if not there:
            return np.empty(0, dtype=np.int64)
        part = there / len(self)
        probes = self._lists if part < _SCAN_BELOW else self._probes(part)
        effort = Effort(probes, self.tuning.candidates)
        found = self._visit_parallel(query, count, effort, allowed)
        if len(found) < min(count, there):  # more than these lists hold, or codes that tell nothing apart
            everything = np.ones(len(self), dtype=bool) if allowed is None else allowed
            found = self.visit(query, count, Effort(self._lists, effort.candidates), everything)
        return found

    def _probes(self, part: float) -> int:
        """Between what was measured for everything and for an eighth; below that never fewer."""
        t = self.tuning
        steepness = math.log(t.probes_filtered / t.probes) / math.log(1 / FILTERED)
        if steepness < 0:
            part = max(part, FILTERED)
        growth: float = part**-steepness
        return min(self._lists, math.ceil(t.probes * growth))

    def visit(
        self, query: Float32[np.ndarray, " D"], count: int, effort: Effort, allowed: Mask | None
    ) -> Places:
        """`search` with that effort; with a filter and all lists, all allowed 8-bit codes are compared."""
        with one_thread(self._faiss):
            return self._visit(query, count, effort, allowed)

    def _visit_parallel(
        self, query: Float32[np.ndarray, " D"], count: int, effort: Effort, allowed: Mask | None
    ) -> Places:
        """By several threads where they give more than they cost: for many rows."""
        if effort.lists * len(self) < _MANY * self._lists:
            return self.visit(query, count, effort, allowed)
        return self._visit(query, count, effort, allowed)

    def _visit(
        self, query: Float32[np.ndarray, " D"], count: int, effort: Effort, allowed: Mask | None
    ) -> Places:
        faiss, wanted = self._faiss, min(count + 5, len(self))
        selector = None if allowed is None else self._filter(allowed).selector
        if effort.lists >= self._lists and allowed is not None:
            projected = self._index.chain.at(0).apply(query[None])
            parameters = faiss.SearchParameters(sel=selector)
            _, places = self._refine.search(projected, wanted, params=parameters)
        else:
            inner = faiss.SearchParametersIVF(nprobe=effort.lists, sel=selector)
            refine = faiss.IndexRefineSearchParameters(
                k_factor=max(4.0, effort.candidates / wanted),
                base_index_params=faiss.SearchParametersPreTransform(index_params=inner),
            )
            parameters = faiss.SearchParametersPreTransform(index_params=refine)
            _, places = self._index.search(query[None], wanted, params=parameters)
        found: Places = places[0][places[0] >= 0]
        return found

    def _filter(self, allowed: Mask) -> _Filter:
        """One bit per row, for FAISS; the last ones are kept, since the same filters come again."""
        found = self._filters.get(id(allowed))
        if found is None:
            if len(self._filters) >= 16:
                self._filters.clear()
            bits = np.packbits(allowed, bitorder="little")
            selector = self._faiss.IDSelectorBitmap(len(bits), self._faiss.swig_ptr(bits))
            rows = int(np.count_nonzero(allowed))
            found = self._filters[id(allowed)] = _Filter(allowed, bits, selector, rows)
        return found


class _Filter(NamedTuple):
    """What may be an answer; the selector only points at the bits, and the mask keeps its identity taken."""

    allowed: Mask
    bits: UInt8[np.ndarray, " bytes"]
    selector: Any
    rows: int


def import_faiss() -> Any:
    """FAISS, where it is installed.

    Raises:
        GalleryError: it is not.

    """
    try:
        import faiss
    except ImportError as error:
        raise GalleryError(
            "A gallery of this size needs FAISS", found=error, hint="pip install 'stca[gallery]'"
        ) from error
    return faiss


@contextmanager
def one_thread(faiss: Any) -> Iterator[None]:
    """Keep FAISS to the calling thread."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _untrained(faiss: Any, rows: int, dim: int) -> Any:
    width = min(_WIDE, dim)
    coded = min(_CODED, width // 2 * 2)
    lists = 1 << round(math.log2(0.5 * math.sqrt(rows)))  # more are fewer rows to scan, but each costs 1 µs
    codes = faiss.index_factory(coded, f"IVF{lists},PQ{coded // 2}x4fs", faiss.METRIC_L2)
    coarse = faiss.IndexPreTransform(faiss.RemapDimensionsTransform(width, coded, False), codes)
    precise = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    return faiss.IndexPreTransform(faiss.PCAMatrix(dim, width), faiss.IndexRefine(coarse, precise))


def _train(faiss: Any, index: Any, vectors: Vectors, *, seed: int) -> None:
    """Each part on as many rows as it needs: training by the defaults takes several times longer."""
    rng = np.random.default_rng(seed)
    refine = faiss.downcast_index(index.index)
    coarse = faiss.downcast_index(refine.base_index)
    ivf = faiss.downcast_index(coarse.index)
    some = vectors[np.sort(rng.choice(len(vectors), min(len(vectors), 64 * ivf.nlist), replace=False))]
    projection = faiss.downcast_VectorTransform(index.chain.at(0))
    _train_pca(faiss, projection, some[rng.permutation(len(some))[:10_000]])
    projected = projection.apply(some[rng.permutation(len(some))])
    chosen = faiss.downcast_VectorTransform(coarse.chain.at(0))
    pairs = balanced_pairs(projected[:, : ivf.d].var(axis=0))
    faiss.copy_array_to_vector(pairs.astype(np.int32), chosen.map)
    coded = chosen.apply(projected)
    options = faiss.ClusteringParameters()
    options.niter, options.max_points_per_centroid, options.seed = 6, 64, seed
    options.min_points_per_centroid = 1  # what comes of it is measured
    faiss.Clustering(ivf.d, ivf.nlist, options).train(coded, ivf.quantizer)
    ivf.pq.cp.min_points_per_centroid, ivf.pq.cp.niter = 1, 10
    with one_thread(faiss):  # thousands of tiny steps, between which threads would wait for each other
        ivf.train(coded[:4096])
    refine.refine_index.train(projected)
    coarse.is_trained = refine.is_trained = index.is_trained = True


def balanced_pairs(variance: Float32[np.ndarray, " d"]) -> Int64[np.ndarray, " d"]:
    """The directions in an order in which every two neighbours have about the same product of variances.

    Args:
        variance: along each direction; their number is even.

    """
    order = np.argsort(-variance, kind="stable")
    half = len(order) // 2
    return np.stack([order[:half], order[half:][::-1]], axis=1).ravel()


def _train_pca(faiss: Any, projection: Any, rows: Vectors) -> None:
    """The main directions by a randomised decomposition: FAISS's own takes most of the building time."""
    mean = rows.mean(axis=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, _, directions = torch.svd_lowrank(torch.from_numpy(rows - mean), q=projection.d_out, niter=2)
    matrix = np.ascontiguousarray(directions.numpy().T, dtype=np.float32)
    faiss.copy_array_to_vector(matrix.ravel(), projection.A)
    faiss.copy_array_to_vector(-(matrix @ mean), projection.b)
    projection.have_bias, projection.is_trained, projection.is_orthonormal = True, True, True
