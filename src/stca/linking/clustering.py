"""Average-linkage clustering with cannot-link and must-link constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Int64

from stca.errors import ConfigError, RankingError

MOST_ROWS = 40_000
"""All pairwise distances are in memory, 4 bytes each: 0.4 GB for 10,000 rows, 6.4 GB for this many."""


def cosine_distances(vectors: Float[np.ndarray, "N D"]) -> Float32[np.ndarray, "N N"]:
    """1 - cosine of all pairs of rows.

    Raises:
        RankingError: a vector of length 0, or more than `MOST_ROWS` of them.

    """
    if len(vectors) > MOST_ROWS:
        raise RankingError(
            "Too many tracklets to link at once",
            expected=f"{MOST_ROWS:,} at most",
            found=f"{len(vectors):,}",
            hint="link a part of them: some of the cameras, or a shorter time span",
        )
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (length > 0).all():
        raise RankingError("A vector has no direction", expected="length above 0", found="only zeros")
    unit = (vectors / length).astype(np.float32)
    distances: Float32[np.ndarray, "N N"] = unit @ unit.T
    distances *= -1
    distances += 1
    return distances


def average_linkage(
    distances: Float32[np.ndarray, "N N"], *, threshold: float, together: Sequence[Sequence[int]] = ()
) -> Int64[np.ndarray, " N"]:
    """Merge the two closest clusters repeatedly, until no two are closer than `threshold`.

    The distance of two clusters is the mean over their pairs. Rows at infinite distance (cannot-link) are
    never in one cluster, unless `together` says so. Except for exact ties, the result does not depend on the
    order of the rows, and the clusters of a larger threshold are unions of those of a smaller one.

    Uses nearest-neighbour chains (Murtagh, *The Computer Journal* 26, 1983), in O(N^2) time. The result is
    that of merging the closest pair first, since average linkage is reducible: a union is never closer to a
    third cluster than the closer of its parts, which infinite distances preserve.

    Args:
        distances: (N, N), symmetric; **overwritten**.
        threshold: maximum distance at which clusters are merged.
        together: disjoint groups of rows that are one cluster from the beginning, whatever their distances;
            a group keeps the cannot-links of all its rows to others.

    Returns:
        (N,) cluster number of each row, from 0 in the order of their first rows.

    Raises:
        ConfigError: a threshold that is not finite.

    """
    if not np.isfinite(threshold):
        raise ConfigError("A clustering threshold must be finite", found=threshold)
    count = len(distances)
    np.fill_diagonal(distances, np.inf)
    parent, sizes = np.arange(count), np.ones(count)
    for group in together:
        _unite(distances, parent, sizes, np.unique(np.asarray(group, dtype=np.int64)))
    for start in range(count):
        chain = [start] if parent[start] == start and np.isfinite(sizes[start]) else []
        while chain:
            last = chain[-1]
            nearest = int(distances[last].argmin())
            if distances[last, nearest] > threshold:
                _close(distances, last)  # this cluster is final
                sizes[last] = np.inf
                chain.pop()
            elif len(chain) > 1 and distances[last, chain[-2]] <= distances[last, nearest]:
                into = chain[-2]
                del chain[-2:]
                _merge(distances, sizes, into, last)
                parent[last] = into
                chain = chain or [into]
            else:
                chain.append(nearest)
    return _numbered(parent)


def _unite(
    distances: Float32[np.ndarray, "N N"],
    parent: np.ndarray,
    sizes: np.ndarray,
    group: Int64[np.ndarray, " G"],
) -> None:
    """Make a group of rows one cluster, in its first row."""
    if len(group) < 2:
        return
    row = distances[group].mean(axis=0, dtype=np.float64).astype(np.float32)
    into, gone = group[0], group[1:]
    row[group] = np.inf
    distances[:, gone] = np.inf
    distances[into], distances[:, into] = row, row
    parent[gone] = into
    sizes[into] = len(group)


def _merge(distances: Float32[np.ndarray, "N N"], sizes: np.ndarray, into: int, gone: int) -> None:
    """Merge cluster `gone` into cluster `into`."""
    total = sizes[into] + sizes[gone]
    row = distances[into] * np.float32(sizes[into] / total) + distances[gone] * np.float32(
        sizes[gone] / total
    )
    row[into] = np.inf
    _close(distances, gone)
    row[gone] = np.inf
    distances[into], distances[:, into] = row, row
    sizes[into] = total


def _close(distances: Float32[np.ndarray, "N N"], group: int) -> None:
    """Remove a cluster from all further nearest-neighbour searches."""
    distances[:, group] = np.inf


def _numbered(parent: np.ndarray) -> Int64[np.ndarray, " N"]:
    """Cluster numbers from 0, in the order of first rows."""
    numbers: dict[int, int] = {}
    labels = np.empty(len(parent), np.int64)
    for row in range(len(parent)):
        root = row
        while parent[root] != root:
            root = parent[root]
        labels[row] = numbers.setdefault(int(root), len(numbers))
    return labels
