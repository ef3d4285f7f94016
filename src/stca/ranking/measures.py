"""CMC, average precision and mINP from the number of wrong rows before each answer.

If the answers of a query, nearest first, have c_1 <= c_2 <= ... <= c_R wrong rows before them, the k-th
answer has rank k + c_k, from which every measure follows without sorting the gallery.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64


def ranks_of_answers(
    query: Int64[np.ndarray, " A"], before: Int64[np.ndarray, " A"]
) -> tuple[Int64[np.ndarray, " A"], Int64[np.ndarray, " A"], Int64[np.ndarray, " A"]]:
    """Sort all answers by query and rank.

    Args:
        query: the query each answer belongs to.
        before: the number of wrong gallery rows before it.

    Returns:
        The query of each answer (sorted), which answer of its query it is (1, 2, ...), and its rank (from 1).

    """
    order = np.lexsort((before, query))
    query, before = query[order], before[order]
    starts = np.flatnonzero(np.diff(query, prepend=-1))
    position = np.arange(len(query)) - np.repeat(starts, np.diff(starts, append=len(query))) + 1
    return query, position, position + before


def average_precision(
    query: Int64[np.ndarray, " A"],
    position: Int64[np.ndarray, " A"],
    rank: Int64[np.ndarray, " A"],
    *,
    num_queries: int,
    rule: Literal["step", "trapezoid"] = "step",
) -> Float64[np.ndarray, " Q"]:
    """Average precision of every query; 0 for one without answers.

    `step` is the mean over the answers of the precision at the answer. `trapezoid` takes, for each answer,
    the mean of the precision there and at the rank just before it (1 before the first rank), as the
    evaluation code of Market-1501 and MARS does (Zheng et al. 2015, 2016).
    """
    precision = position / rank
    if rule == "trapezoid":
        just_before = (position - 1) / np.maximum(rank - 1, 1)
        precision = (precision + np.where(rank == 1, 1.0, just_before)) / 2
    total = np.bincount(query, weights=precision, minlength=num_queries)
    return total / np.maximum(np.bincount(query, minlength=num_queries), 1)


def first_and_last_rank(
    query: Int64[np.ndarray, " A"], rank: Int64[np.ndarray, " A"], *, num_queries: int
) -> tuple[Int64[np.ndarray, " Q"], Int64[np.ndarray, " Q"]]:
    """The ranks of every query's first and last answer; 0 for a query without answers."""
    first, last = np.zeros(num_queries, dtype=np.int64), np.zeros(num_queries, dtype=np.int64)
    last[query] = rank  # the last write wins, and ranks rise within a query
    first[query[::-1]] = rank[::-1]
    return first, last


def cmc_curve(first: Int64[np.ndarray, " Q"], *, max_rank: int) -> Float64[np.ndarray, " K"]:
    """For k = 1 ... max_rank, the fraction of queries whose first answer is at rank k or before (0: none)."""
    within = first[(first > 0) & (first <= max_rank)]
    return np.cumsum(np.bincount(within - 1, minlength=max_rank)) / max(1, len(first))
