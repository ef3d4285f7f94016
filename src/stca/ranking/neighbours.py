"""Nearest neighbours of all rows among themselves, in blocks, and which of them are mutual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64
from scipy import sparse

from stca.distance import Metric, chunk_rows
from stca.ranking.block_distances import BlockDistances

_BLOCK_BYTES = 64 << 20
_PAIRS_AT_ONCE = 4096


class VectorDistances:
    """Half the squared euclidean distances of vectors; for the metric "cosine", of unit vectors."""

    def __init__(self, vectors: Float32[np.ndarray, "N D"], metric: Metric) -> None:
        self._distances = BlockDistances(vectors, metric)
        self._rows = self._distances.prepare(vectors)
        self._offset = 1.0 if metric == "cosine" else 0.0

    def __len__(self) -> int:
        return len(self._rows)

    def block(self, rows: slice) -> Float32[np.ndarray, "b N"]:
        """Distances of these rows to all rows."""
        half, _ = self._distances.block(self._rows[rows], self._rows)
        half += self._offset
        half.clip(0, None, out=half)
        return half

    def pairs(self, i: Int64[np.ndarray, " P"], j: Int64[np.ndarray, " P"]) -> Float32[np.ndarray, " P"]:
        """Distances of single pairs of rows i and j."""
        found = np.empty(len(i), dtype=np.float32)
        for start in range(0, len(i), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            difference = self._rows[i[part]] - self._rows[j[part]]
            found[part] = 0.5 * np.einsum("pd,pd->p", difference, difference)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class MatrixDistances:
    """Squares of given distances: queries to gallery, queries among themselves, gallery among itself."""

    query_gallery: Float[np.ndarray, "Q G"]
    query_query: Float[np.ndarray, "Q Q"]
    gallery_gallery: Float[np.ndarray, "G G"]

    def __len__(self) -> int:
        return sum(self.query_gallery.shape)

    def block(self, rows: slice) -> Float32[np.ndarray, "b N"]:
        """Distances of these rows to all rows."""
        queries = len(self.query_gallery)
        start, stop, _ = rows.indices(len(self))
        rows_of_queries, rows_of_gallery = (
            slice(min(start, queries), min(stop, queries)),
            slice(max(start - queries, 0), max(stop - queries, 0)),
        )
        block = np.empty((stop - start, len(self)), dtype=np.float32)
        upper = rows_of_queries.stop - rows_of_queries.start
        block[:upper, :queries], block[:upper, queries:] = (
            self.query_query[rows_of_queries],
            self.query_gallery[rows_of_queries],
        )
        block[upper:, :queries], block[upper:, queries:] = (
            self.query_gallery[:, rows_of_gallery].T,
            self.gallery_gallery[rows_of_gallery],
        )
        return np.square(block, out=block)

    def pairs(self, i: Int64[np.ndarray, " P"], j: Int64[np.ndarray, " P"]) -> Float32[np.ndarray, " P"]:
        """Distances of single pairs of rows i and j."""
        queries = len(self.query_gallery)
        low, high = np.minimum(i, j), np.maximum(i, j)
        found = np.empty(len(i), dtype=np.float32)
        both, one, none = high < queries, (low < queries) & (high >= queries), low >= queries
        found[both] = self.query_query[i[both], j[both]]
        found[one] = self.query_gallery[low[one], high[one] - queries]
        found[none] = self.gallery_gallery[i[none] - queries, j[none] - queries]
        return np.square(found, out=found)


AllDistances = VectorDistances | MatrixDistances


def nearest(
    distances: AllDistances, count: int
) -> tuple[Int64[np.ndarray, "N k"], Float32[np.ndarray, " N"]]:
    """The nearest rows of every row, nearest first (of equals the earlier row), and its largest distance."""
    total = len(distances)
    found, farthest = np.empty((total, min(count, total)), dtype=np.int64), np.empty(total, dtype=np.float32)
    for rows in chunk_rows(total, total, max_bytes=_BLOCK_BYTES):
        block = distances.block(rows)
        farthest[rows] = block.max(axis=1)
        found[rows] = _smallest(block, found.shape[1])
    return found, farthest


def _smallest(block: Float32[np.ndarray, "b N"], count: int) -> Int64[np.ndarray, "b k"]:
    """Columns of each row's smallest elements, by value, then by column."""
    limit = _bound(block, count)
    row, column = np.divmod(np.flatnonzero(block <= limit[:, None]), block.shape[1])
    order = np.lexsort((block[row, column], row))  # stable: columns rise within equals
    start = np.searchsorted(row, np.arange(len(block)))
    chosen: Int64[np.ndarray, "b k"] = column[order[start[:, None] + np.arange(count)]]
    return chosen


def _bound(block: Float32[np.ndarray, "b N"], count: int) -> Float32[np.ndarray, " b"]:
    """An upper bound on each row's `count` smallest elements that few other elements are below.

    The columns are divided into many groups; the count-th smallest of the groups' minima is such a bound.
    """
    groups = 8 * count
    if block.shape[1] < 4 * groups:
        return np.partition(block, count - 1, axis=1)[:, count - 1]
    dealt = block.shape[1] // groups * groups
    minima = block[:, :dealt].reshape(len(block), -1, groups).min(axis=1)
    return np.partition(minima, count - 1, axis=1)[:, count - 1]


def relation(neighbours: Int64[np.ndarray, "N k"], value: float = 1.0) -> sparse.csr_array:
    """The (N, N) matrix that holds `value` at every row's neighbours."""
    total, count = neighbours.shape
    starts = np.arange(0, total * count + 1, count)
    return sparse.csr_array(
        (np.full(total * count, value, dtype=np.float32), neighbours.ravel(), starts), shape=(total, total)
    )


def mutual(neighbours: Int64[np.ndarray, "N k"]) -> sparse.csr_array:
    """1 where two rows are each among the other's neighbours (eq. 3 of Zhong et al. 2017)."""
    near = relation(neighbours)
    return near.multiply(near.T.tocsr()).tocsr()


def row_blocks(distances: AllDistances, stop: int) -> Iterator[tuple[slice, Float32[np.ndarray, "b N"]]]:
    """The first `stop` rows of distances, block by block."""
    for rows in chunk_rows(stop, len(distances), max_bytes=_BLOCK_BYTES):
        yield rows, distances.block(rows)
