"""Count the wrong rows before each answer, exactly, from blocks of a gallery or from given distances.

A block's distances come from one float32 matrix product, whose rounding depends on the row's position in the
block. Wrong rows within that rounding of an answer are compared again in float64, so that the count does not
depend on how the gallery is ordered or divided into blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from stca.errors import RankingError
from stca.ranking.answers import Pairs
from stca.ranking.block_distances import BlockDistances

_QUERIES_AT_ONCE = 1024
# From this number of thresholds on, sorting a row once is faster than comparing it with each of them.
_SORT_FROM = 128
# Distances closer than this fraction of float32's rounding are ties: float64 rounds 5e8 times finer.
_SAME = 1e-8
# If more than this fraction of comparisons is undecided, a float64 product beats single pairs.
_MANY = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers of all queries, sorted by query, with their exact distances."""

    query: Int64[np.ndarray, " A"]
    distance: Float64[np.ndarray, " A"]


def count_at_most(
    line: Float[np.ndarray, " N"], thresholds: Float[np.ndarray, " T"]
) -> Int64[np.ndarray, " T"]:
    """Number of elements of a row of distances that are <= each threshold."""
    if len(thresholds) >= _SORT_FROM:
        return np.searchsorted(np.sort(line), thresholds, side="right")
    return np.array([np.count_nonzero(row) for row in line <= thresholds[:, None]], dtype=np.int64)


def count_before(
    distances: BlockDistances,
    answers: Answers,
    blocks: Iterable[tuple[Float[np.ndarray, "N D"], Pairs]],
) -> Int64[np.ndarray, " A"]:
    """For every answer, the number of wrong rows in all blocks that are not farther away.

    Args:
        distances: of the queries.
        answers: of all queries.
        blocks: vectors, with the pairs of a query and a row of its own person, which are not wrong rows.

    """
    prepared = distances.prepare(distances.query)
    with_answers = np.unique(answers.query)
    before = np.zeros(len(answers.query), dtype=np.int64)
    for vectors, pairs in blocks:
        if len(vectors) == 0:
            continue
        rows = distances.prepare(vectors)
        for first in range(0, len(with_answers), _QUERIES_AT_ONCE):
            queries = with_answers[first : first + _QUERIES_AT_ONCE]
            mine = slice(*np.searchsorted(answers.query, [queries[0], queries[-1] + 1]))
            part = Answers(np.searchsorted(queries, answers.query[mine]), answers.distance[mine])
            block, rounding = distances.block(prepared[queries], rows)
            _hide(block, queries, pairs)
            sure = _count(block, part, -rounding)
            doubtful = _count(block, part, rounding) - sure
            if doubtful.sum() > _MANY * len(part.query) * len(rows):
                sure = _count_in_float64(distances, part, queries, (vectors, pairs))
            elif doubtful.any():
                sure += _settle(distances, part, queries, (vectors, block, rounding, doubtful))
            before[mine] += sure
    return before


def _hide(block: Float[np.ndarray, "q N"], queries: Int64[np.ndarray, " q"], pairs: Pairs) -> None:
    """Set the distances of rows of the query's own person to infinity, so that they are not counted."""
    place = np.minimum(np.searchsorted(queries, pairs.query), len(queries) - 1)
    here = queries[place] == pairs.query
    block[place[here], pairs.row[here]] = np.inf


def _count(
    block: Float[np.ndarray, "q N"], part: Answers, margin: Float64[np.ndarray, " q"]
) -> Int64[np.ndarray, " A"]:
    thresholds = (part.distance + margin[part.query]).astype(block.dtype)
    start = np.searchsorted(part.query, np.arange(len(block) + 1))
    return np.concatenate(
        [count_at_most(line, thresholds[start[i] : start[i + 1]]) for i, line in enumerate(block)]
    )


def _settle(
    distances: BlockDistances,
    part: Answers,
    queries: Int64[np.ndarray, " q"],
    block: tuple[
        Float[np.ndarray, "N D"], Float[np.ndarray, "q N"], Float64[np.ndarray, " q"], Int64[np.ndarray, " A"]
    ],
) -> Int64[np.ndarray, " A"]:
    """Count, in float64, the undecided rows that are not farther than the answer."""
    vectors, fast, rounding, doubtful = block
    unsettled = np.flatnonzero(doubtful)
    found = []
    for i in unsettled:
        line, off = fast[part.query[i]], rounding[part.query[i]]
        low, high = (part.distance[i] + np.array([-off, off])).astype(fast.dtype)
        found.append(np.flatnonzero((line > low) & (line <= high)))
    answer, row = np.repeat(unsettled, doubtful[unsettled]), np.concatenate(found)
    exact = distances.exact(queries[part.query[answer]], vectors, row)
    near = exact <= part.distance[answer] + _SAME * rounding[part.query[answer]]
    return np.bincount(answer[near], minlength=len(part.query))


def _count_in_float64(
    distances: BlockDistances,
    part: Answers,
    queries: Int64[np.ndarray, " q"],
    block: tuple[Float[np.ndarray, "N D"], Pairs],
) -> Int64[np.ndarray, " A"]:
    vectors, pairs = block
    prepared = distances.prepare(distances.query[queries], dtype=np.float64)
    fine, rounding = distances.block(prepared, distances.prepare(vectors, dtype=np.float64))
    _hide(fine, queries, pairs)
    return _count(fine, part, _SAME * rounding)


def count_before_in_distances(
    distances: Float[np.ndarray, "Q G"], pairs: Pairs, columns: Int64[np.ndarray, " M"] | None
) -> Int64[np.ndarray, " A"]:
    """For every answer, the number of wrong rows that are not farther away, from given distances.

    Args:
        distances: smaller is nearer; compared exactly.
        pairs: rows are columns of `distances`, or, if `columns` is given, positions in it.
        columns: the columns that count; None: all.

    Raises:
        RankingError: a distance is NaN.

    """
    start = np.searchsorted(pairs.query, np.arange(len(distances) + 1))
    before = [np.empty(0, dtype=np.int64)]
    for query in np.unique(pairs.query[pairs.is_answer]):
        line = distances[query] if columns is None else distances[query, columns]
        if np.isnan(line.min()):
            raise RankingError("A distance is NaN", where=f"row {query} of the distances")
        mine = slice(start[query], start[query + 1])
        same_person = line[pairs.row[mine]]
        right = same_person[pairs.is_answer[mine]]
        before.append(count_at_most(line, right) - (same_person <= right[:, None]).sum(1))
    return np.concatenate(before)
