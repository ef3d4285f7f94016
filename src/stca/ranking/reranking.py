"""Re-ranking by k-reciprocal neighbours (Zhong et al., CVPR 2017), with sparse matrices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64
from scipy import sparse

from stca.distance import Metric
from stca.errors import RankingError
from stca.ranking.neighbours import (
    AllDistances,
    MatrixDistances,
    VectorDistances,
    mutual,
    nearest,
    relation,
    row_blocks,
)

_ENTRIES_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KReciprocal:
    """Settings of the re-ranking; the defaults are the paper's.

    Args:
        k1: number of neighbours tested for being mutual.
        k2: number of neighbours to average over (local query expansion); 1: off.
        lambda_value: weight of the original distance; the rest is the Jaccard distance.

    Raises:
        RankingError: a value out of range.

    """

    k1: int = 20
    k2: int = 6
    lambda_value: float = 0.3

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1 or not 0 <= self.lambda_value <= 1:
            raise RankingError(
                "k-reciprocal re-ranking has impossible settings",
                expected="k1 and k2 of at least 1, lambda_value from 0 to 1",
                found=self,
            )

    def __str__(self) -> str:
        return f"k-reciprocal (k1 {self.k1}, k2 {self.k2}, lambda {self.lambda_value})"


def find_reranking(reranking: str | KReciprocal | None) -> KReciprocal | None:
    """Settings from a name.

    Raises:
        RankingError: an unknown name.

    """
    if reranking is None or isinstance(reranking, KReciprocal):
        return reranking
    if reranking == "k-reciprocal":
        return KReciprocal()
    raise RankingError(
        f"There is no re-ranking {reranking!r}", expected="None, 'k-reciprocal' or a stca.ranking.KReciprocal"
    )


def k_reciprocal(
    query: Float32[np.ndarray, "Q D"],
    gallery: Float32[np.ndarray, "G D"],
    *,
    metric: Metric = "cosine",
    settings: KReciprocal | None = None,
) -> Float32[np.ndarray, "Q G"]:
    """Re-ranked distances of all queries to all gallery rows.

    The original distance is the squared euclidean one, as published; for `cosine`, of unit vectors, which is
    twice the cosine distance. It is scaled by each row's largest. Of neighbours at equal distance the earlier
    row is nearer, queries before the gallery.
    """
    distances = VectorDistances(np.concatenate([query, gallery]), metric)
    blocks = k_reciprocal_rows(distances, len(query), settings or KReciprocal())
    return np.concatenate([np.empty((0, len(gallery)), dtype=np.float32), *(block for _, block in blocks)])


def k_reciprocal_from_distances(
    query_gallery: Float[np.ndarray, "Q G"],
    query_query: Float[np.ndarray, "Q Q"],
    gallery_gallery: Float[np.ndarray, "G G"],
    *,
    settings: KReciprocal | None = None,
) -> Float32[np.ndarray, "Q G"]:
    """`k_reciprocal` for given distances, which are squared, as published.

    Raises:
        RankingError: the shapes of the three matrices do not match.

    """
    queries, rows = query_gallery.shape
    if query_query.shape != (queries, queries) or gallery_gallery.shape != (rows, rows):
        raise RankingError(
            "The shapes of the three matrices do not match",
            expected=f"(Q, G) = {(queries, rows)} with (Q, Q) and (G, G)",
            found=f"{query_query.shape} and {gallery_gallery.shape}",
        )
    distances = MatrixDistances(query_gallery, query_query, gallery_gallery)
    blocks = k_reciprocal_rows(distances, queries, settings or KReciprocal())
    return np.concatenate([np.empty((0, rows), dtype=np.float32), *(block for _, block in blocks)])


def k_reciprocal_rows(
    distances: AllDistances, num_queries: int, settings: KReciprocal
) -> Iterator[tuple[slice, Float32[np.ndarray, "b G"]]]:
    """Re-ranked distances to the gallery, in blocks of queries.

    Memory grows with (Q + G) x neighbours, not with (Q + G) squared.

    Args:
        distances: among the queries, then the gallery rows.
        num_queries: how many of them are queries.
        settings: k1, k2 and the weight of the original distance.

    """
    encoding, farthest = _encode(distances, settings)
    of_gallery = encoding[num_queries:].tocsc()
    weight = np.float32(settings.lambda_value)
    for rows, block in row_blocks(distances, num_queries):
        original = block[:, num_queries:] / np.maximum(farthest[rows], np.finfo(np.float32).tiny)[:, None]
        shared = shared_weight(encoding[rows], of_gallery)
        jaccard = 1 - shared / (2 - shared)
        yield rows, (1 - weight) * jaccard + weight * original


def _encode(
    distances: AllDistances, settings: KReciprocal
) -> tuple[sparse.csr_array, Float32[np.ndarray, " N"]]:
    """Every row as weights over its k-reciprocal neighbours (eq. 7), averaged over k2 (eq. 11)."""
    ranked, farthest = nearest(distances, max(settings.k1 + 1, settings.k2))
    members = _expanded(ranked, settings.k1).tocoo()
    row, column = members.row.astype(np.int64), members.col.astype(np.int64)
    scaled = distances.pairs(row, column) / np.maximum(farthest[row], np.finfo(np.float32).tiny)
    weight = np.exp(-scaled)
    weight /= np.bincount(row, weights=weight, minlength=len(ranked)).astype(np.float32)[row]
    encoding = sparse.csr_array((weight, (row, column)), shape=members.shape)
    if settings.k2 > 1:
        near = ranked[:, : settings.k2]
        encoding = relation(near, 1 / near.shape[1]) @ encoding
    return encoding, farthest


def _expanded(ranked: Int64[np.ndarray, "N k"], k1: int) -> sparse.csr_array:
    """The mutual neighbours, and the mutual neighbours of those that share two thirds of theirs (eq. 5)."""
    wide = mutual(ranked[:, : k1 + 1])
    narrow = mutual(ranked[:, : int(np.around(k1 / 2)) + 1])
    sizes = narrow.sum(axis=1)
    shared = (wide @ narrow).multiply(wide).tocoo()  # narrow is symmetric: |wide of i and narrow of j|
    joins = shared.data > 2 / 3 * sizes[shared.col]
    ones = np.ones(int(joins.sum()), dtype=np.float32)
    joining = sparse.csr_array((ones, (shared.row[joins], shared.col[joins])), shape=wide.shape)
    return (wide + joining @ narrow).tocsr()


def shared_weight(of_query: sparse.csr_array, of_gallery: sparse.csc_array) -> Float32[np.ndarray, "b G"]:
    """sum_k min(query weight k, gallery weight k) for all pairs: an inverted index instead of dense rows."""
    queries, rows = of_query.shape[0], of_gallery.shape[0]
    shared = np.empty((queries, rows), dtype=np.float32)
    lengths = np.diff(of_gallery.indptr).astype(np.int64)
    work = np.concatenate([[0], np.cumsum(lengths[of_query.indices])])[of_query.indptr]
    start = 0
    while start < queries:
        stop = max(start + 1, int(np.searchsorted(work, work[start] + _ENTRIES_AT_ONCE, side="right")) - 1)
        shared[start:stop] = _shared_weight(of_query[start:stop], of_gallery, lengths)
        start = stop
    return shared


def _shared_weight(
    of_query: sparse.csr_array, of_gallery: sparse.csc_array, lengths: Int64[np.ndarray, " N"]
) -> Float64[np.ndarray, "b G"]:
    queries, rows = of_query.shape[0], of_gallery.shape[0]
    count = lengths[of_query.indices]
    skipped = of_gallery.indptr[of_query.indices] - (np.cumsum(count) - count)
    entry = np.arange(count.sum()) + np.repeat(skipped, count)
    least = np.minimum(np.repeat(of_query.data, count), of_gallery.data[entry])
    query = np.repeat(np.arange(queries), np.diff(of_query.indptr))
    place = np.repeat(query * rows, count) + of_gallery.indices[entry]
    return np.bincount(place, weights=least, minlength=queries * rows).reshape(queries, rows)
