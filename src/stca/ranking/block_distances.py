"""Distances for ranking: fast in float32 blocks, exact in float64 for single pairs.

Only the order matters here, so the distance is minus the cosine, or half the squared euclidean distance;
`stca.distance` computes the usual ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from stca.distance import Metric
from stca.errors import RankingError

_PAIRS_AT_ONCE = 2048
_SMALL = 1e-25


@dataclass(frozen=True, slots=True, eq=False)
class BlockDistances:
    """Distances of a fixed set of queries to gallery rows that come in blocks.

    Args:
        query: (Q, D) float32.
        metric: "cosine" (a zero row has cosine 0 to everything) or "euclidean".

    """

    query: Float32[np.ndarray, "Q D"]
    metric: Metric

    def exact(
        self,
        query: Int64[np.ndarray, " P"],
        vectors: Float[np.ndarray, "N D"],
        row: Int64[np.ndarray, " P"],
    ) -> Float64[np.ndarray, " P"]:
        """Float64 distances of single (query, row) pairs, which depend on these two vectors only."""
        distances = np.empty(len(query))
        for start in range(0, len(query), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            x = self.query[query[part]].astype(np.float64)
            y = vectors[row[part]].astype(np.float64)
            if self.metric == "euclidean":
                distances[part] = 0.5 * np.square(x - y).sum(1)
            else:
                lengths = np.sqrt(np.square(x).sum(1) * np.square(y).sum(1))
                distances[part] = np.divide(-(x * y).sum(1), lengths, out=np.zeros(len(x)), where=lengths > 0)
        return distances

    def prepare(
        self, vectors: Float[np.ndarray, "N D"], *, dtype: type[np.floating[Any]] = np.float32
    ) -> Float[np.ndarray, "N D"]:
        """Prepare rows for the matrix product: scaled to unit length, or centred on the queries.

        Raises:
            RankingError: a row is not finite.

        """
        rows = vectors.astype(dtype)
        if self.metric == "euclidean":
            rows -= self.query.mean(axis=0)  # a common shift; smaller numbers round less
        lengths = squared_lengths(rows)
        if not np.isfinite(lengths).all():
            bad = int((~np.isfinite(lengths)).sum())
            raise RankingError(
                "Vectors are not finite",
                found=f"{bad} of {len(rows)} rows hold NaN or infinity",
                hint="half precision ends at 65,504: scale the features before storing them",
            )
        if self.metric == "cosine":
            lengths = np.sqrt(lengths)
            rows *= np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)[:, None]
        return rows

    def block(
        self, query: Float[np.ndarray, "q D"], rows: Float[np.ndarray, "N D"]
    ) -> tuple[Float[np.ndarray, "q N"], Float64[np.ndarray, " q"]]:
        """Distances of prepared queries to prepared rows, and a bound on their float32 error per query."""
        distances = -query @ rows.T
        # Rounding of a sum of D products is a random walk; this is more than six standard deviations of it.
        rounding = float(np.finfo(np.float32).eps) * (4 + 0.5 * query.shape[1] ** 0.5)
        if self.metric == "cosine":
            return distances, np.full(len(query), rounding)
        of_query, of_row = squared_lengths(query), squared_lengths(rows)
        distances += 0.5 * of_row
        distances += 0.5 * of_query[:, None]
        return distances, rounding * (of_query + of_row.max()).astype(np.float64)


def squared_lengths(rows: Float[np.ndarray, "N D"]) -> Float[np.ndarray, " N"]:
    """Squared length of every row, without copying the rows."""
    lengths: Float[np.ndarray, " N"] = np.einsum("nd,nd->n", rows, rows)
    extreme = ~((lengths > _SMALL) & (lengths < 1 / _SMALL))
    if extreme.any():  # float32 squares lose their digits or overflow there
        lengths = lengths.astype(np.float64)
        lengths[extreme] = np.square(rows[extreme].astype(np.float64)).sum(1)
    return lengths
