"""Choose how many lists to visit and candidates to re-rank, measured on the gallery's own rows."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from stca.gallery.engine import Vector, Vectors

Positions = Int64[np.ndarray, " k"]
Mask = Bool[np.ndarray, " N"]
Visit = Callable[[Vector, int, "Effort", Mask | None], Positions]
"""(query, count, effort, allowed rows) to positions."""

TARGET = 0.987
"""Recall@10 on the gallery's own rows that the chosen number of lists must reach."""
FILTERED = 1 / 8
"""Fraction of the rows that pass the filter used for measuring."""
_BLOCK = 1 << 16
"""Rows compared at a time."""
CANDIDATES = (256, 512, 1024)
"""Numbers of candidates to try; larger galleries need more, as coarse codes confuse more rows."""


class Effort(NamedTuple):
    """Inverted lists a search visits, and candidates it re-ranks."""

    lists: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings measured when an approximate index was built.

    Args:
        rows: number of rows the index was built for.
        candidates: candidates to re-rank.
        probes: lists to visit without a filter.
        probes_filtered: lists to visit when a filter passes an eighth of the rows.
        recall: recall@10 against exact search, on rows of the gallery, without a filter.
        recall_filtered: the same with the filter.

    """

    rows: int
    candidates: int
    probes: int
    probes_filtered: int
    recall: float
    recall_filtered: float


def tune(
    visit: Visit, lists: int, vectors: Vectors, *, seed: int, workers: int, queries: int = 400
) -> Tuning:
    """The fastest effort that reaches `TARGET`, without a filter and with one that passes an eighth.

    Args:
        visit: searches with a given effort; called by several threads at once.
        lists: number of inverted lists.
        vectors: all rows.
        seed: for the choice of query rows.
        workers: number of threads.
        queries: number of rows used as queries.

    """
    rng = np.random.default_rng(seed)
    query_rows = rng.choice(len(vectors), min(queries, len(vectors)), replace=False)
    eighth = rng.random(len(vectors)) < FILTERED
    nearest = exact(query_rows, vectors, None, eighth)
    with ThreadPoolExecutor(workers) as pool:
        everything = _Trial(visit, query_rows, vectors, nearest[0], None, pool)
        camera = _Trial(visit, query_rows, vectors, nearest[1], eighth, pool)
        steps = _steps(lists)
        tried = [everything.quick(Effort(_roughly(everything, steps, c), c)) for c in CANDIDATES]
        candidates = min(tried, key=_merit).effort.candidates
        found, filtered = (_fewest(trial, steps, candidates) for trial in (everything, camera))
    return Tuning(
        len(vectors), candidates, found.effort.lists, filtered.effort.lists, found.recall, filtered.recall
    )


class _Tried(NamedTuple):
    effort: Effort
    recall: float
    seconds: float


def _merit(tried: _Tried) -> tuple[bool, float]:
    """Sort key, lower is better: the fastest that reaches `TARGET`, else the one of highest recall."""
    enough = tried.recall >= TARGET
    return not enough, tried.seconds if enough else -tried.recall


class _Trial:
    """Query rows and their true neighbours; results per effort are cached."""

    def __init__(
        self,
        visit: Visit,
        query_rows: Int64[np.ndarray, " Q"],
        vectors: Vectors,
        nearest: list[set[int]],
        allowed: Mask | None,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._visit, self._queries, self._vectors, self._nearest = visit, query_rows, vectors, nearest
        self._allowed, self._pool = allowed, pool
        self._tried: dict[tuple[Effort, int], _Tried] = {}

    def quick(self, effort: Effort) -> _Tried:
        """Measure with a quarter of the queries."""
        return self._try(effort, -(-len(self._queries) // 4))

    def thorough(self, effort: Effort) -> _Tried:
        """Measure with all queries."""
        return self._try(effort, len(self._queries))

    def _try(self, effort: Effort, count: int) -> _Tried:
        if (effort, count) not in self._tried:
            results = self._pool.map(lambda i: self._run_query(i, effort), range(count))
            right, seconds = (sum(values) for values in zip(*results, strict=True))
            recall = right / max(1, sum(map(len, self._nearest[:count])))
            self._tried[effort, count] = _Tried(effort, recall, seconds)
        return self._tried[effort, count]

    def _run_query(self, i: int, effort: Effort) -> tuple[int, float]:
        """Number of true neighbours found, and seconds taken."""
        own = self._allowed is None or bool(self._allowed[self._queries[i]])
        begun = time.thread_time()
        # One more where the query row itself passes the filter: it is always found.
        found = self._visit(self._vectors[self._queries[i]], 10 + own, effort, self._allowed)
        return len(self._nearest[i].intersection(found.tolist())), time.thread_time() - begun


def _steps(lists: int) -> list[int]:
    """Numbers of lists to try: steps of 7 %, up to all."""
    steps = [max(1, lists // 16)]
    while steps[-1] < lists:
        steps.append(min(lists, math.ceil(steps[-1] * 1.07)))
    return steps


def _roughly(trial: _Trial, steps: list[int], candidates: int) -> int:
    """Smallest number of lists that reaches `TARGET` on a quarter of the queries, else all lists."""
    position = bisect_left(
        steps, True, key=lambda probes: trial.quick(Effort(probes, candidates)).recall >= TARGET
    )
    return steps[min(position, len(steps) - 1)]


def _fewest(trial: _Trial, steps: list[int], candidates: int) -> _Tried:
    """Smallest number of lists that reaches `TARGET` on all queries, starting from the rough estimate."""
    position = steps.index(_roughly(trial, steps, candidates))

    def tried(position: int) -> _Tried:
        return trial.thorough(Effort(steps[position], candidates))

    while tried(position).recall < TARGET and position + 1 < len(steps):
        position += 1
    while position and tried(position - 1).recall >= TARGET:
        position -= 1
    return tried(position)


def exact(query_rows: Positions, vectors: Vectors, *filters: Mask | None) -> list[list[set[int]]]:
    """For each filter, the ten nearest other rows of each query row, by brute force."""
    query_vectors = vectors[query_rows]
    import torch  # not before an index is tuned: it takes over a second

    scores: list[list[torch.Tensor]] = [[] for _ in filters]
    positions: list[list[torch.Tensor]] = [[] for _ in filters]
    for start in range(0, len(vectors), _BLOCK):
        here = torch.from_numpy(query_vectors @ vectors[start : start + _BLOCK].T)
        own = np.flatnonzero((query_rows >= start) & (query_rows < start + here.shape[1]))
        here[own, query_rows[own] - start] = -math.inf
        for kind, allowed in enumerate(filters):
            some = None if allowed is None else np.flatnonzero(allowed[start : start + here.shape[1]])
            part = here if some is None else here[:, torch.from_numpy(some)]
            best, position = part.topk(min(10, part.shape[1]), dim=1)
            scores[kind].append(best)
            positions[kind].append((position if some is None else torch.from_numpy(some)[position]) + start)
    found = []
    for kind in range(len(filters)):
        joined = torch.cat(scores[kind], dim=1)
        best, order = joined.topk(min(10, joined.shape[1]), dim=1)
        nearest = torch.cat(positions[kind], dim=1).gather(1, order)
        found.append([set(p[b.isfinite()].tolist()) for p, b in zip(nearest, best, strict=True)])
    return found
