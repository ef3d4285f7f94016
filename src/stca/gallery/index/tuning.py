"""How many lists a search must visit and candidates re-rank: measured on the gallery's own rows."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64

from stca.gallery.engine import Vector, Vectors

Places = Int64[np.ndarray, " k"]
Mask = Bool[np.ndarray, " N"]
Visit = Callable[[Vector, int, "Effort", Mask | None], Places]
"""(query, count, effort, allowed rows) to places."""

TARGET = 0.987
"""Of recall@10 on the gallery's own rows, when the number of lists to visit is chosen."""
FILTERED = 1 / 8
"""The part of all rows that passes the filter which is measured."""
_BLOCK = 1 << 16
"""Rows that are compared at a time."""
CANDIDATES = (256, 512, 1024)
"""What is tried; the more rows, the more of them the coarse codes confuse."""


class Effort(NamedTuple):
    """What a search costs: lists it visits, and candidates it re-ranks."""

    lists: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured when an approximate index was built.

    Args:
        rows: how many it was built for.
        candidates: to be re-ranked.
        probes: lists to visit when everything is asked.
        probes_filtered: lists to visit when one camera in eight is asked, or as much as that.
        recall: recall@10 against exact search, on rows of the gallery, when everything is asked.
        recall_filtered: the same through the filter.

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
    """The quickest effort that reaches `TARGET` for rows of the gallery, for everything and for an eighth.

    Args:
        visit: searches with a given effort; called by several threads at once.
        lists: how many there are.
        vectors: all rows.
        seed: of the choice of rows that ask.
        workers: threads.
        queries: how many of them.

    """
    rng = np.random.default_rng(seed)
    asked = rng.choice(len(vectors), min(queries, len(vectors)), replace=False)
    eighth = rng.random(len(vectors)) < FILTERED
    nearest = exact(asked, vectors, None, eighth)
    with ThreadPoolExecutor(workers) as pool:
        everything = _Trial(visit, asked, vectors, nearest[0], None, pool)
        camera = _Trial(visit, asked, vectors, nearest[1], eighth, pool)
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
    """Lower is better: the quickest of those that find enough, else the one that finds most."""
    enough = tried.recall >= TARGET
    return not enough, tried.seconds if enough else -tried.recall


class _Trial:
    """Rows that ask, and what each should find; every effort is tried once."""

    def __init__(
        self,
        visit: Visit,
        asked: Int64[np.ndarray, " Q"],
        vectors: Vectors,
        nearest: list[set[int]],
        allowed: Mask | None,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._visit, self._asked, self._vectors, self._nearest = visit, asked, vectors, nearest
        self._allowed, self._pool = allowed, pool
        self._tried: dict[tuple[Effort, int], _Tried] = {}

    def quick(self, effort: Effort) -> _Tried:
        """With a fourth of the rows."""
        return self._try(effort, -(-len(self._asked) // 4))

    def thorough(self, effort: Effort) -> _Tried:
        """With all of them."""
        return self._try(effort, len(self._asked))

    def _try(self, effort: Effort, count: int) -> _Tried:
        if (effort, count) not in self._tried:
            results = self._pool.map(lambda i: self._ask(i, effort), range(count))
            right, seconds = (sum(values) for values in zip(*results, strict=True))
            recall = right / max(1, sum(map(len, self._nearest[:count])))
            self._tried[effort, count] = _Tried(effort, recall, seconds)
        return self._tried[effort, count]

    def _ask(self, i: int, effort: Effort) -> tuple[int, float]:
        """How many of the nearest it finds, and how long it takes."""
        own = self._allowed is None or bool(self._allowed[self._asked[i]])
        begun = time.thread_time()
        # One more where who asks is among the rows: he is found without any effort.
        found = self._visit(self._vectors[self._asked[i]], 10 + own, effort, self._allowed)
        return len(self._nearest[i].intersection(found.tolist())), time.thread_time() - begun


def _steps(lists: int) -> list[int]:
    """How many lists are tried: steps of 7 %, up to all."""
    steps = [max(1, lists // 16)]
    while steps[-1] < lists:
        steps.append(min(lists, math.ceil(steps[-1] * 1.07)))
    return steps


def _roughly(trial: _Trial, steps: list[int], candidates: int) -> int:
    """The least number of lists that is enough for a fourth of the rows, or all lists; more find more."""
    place = bisect_left(
        steps, True, key=lambda probes: trial.quick(Effort(probes, candidates)).recall >= TARGET
    )
    return steps[min(place, len(steps) - 1)]


def _fewest(trial: _Trial, steps: list[int], candidates: int) -> _Tried:
    """The same for all rows, beginning there."""
    place = steps.index(_roughly(trial, steps, candidates))

    def tried(place: int) -> _Tried:
        return trial.thorough(Effort(steps[place], candidates))

    while tried(place).recall < TARGET and place + 1 < len(steps):
        place += 1
    while place and tried(place - 1).recall >= TARGET:
        place -= 1
    return tried(place)


def exact(asked: Places, vectors: Vectors, *filters: Mask | None) -> list[list[set[int]]]:
    """Under each filter, the ten nearest other rows of each of those rows, by comparing with all."""
    queries = vectors[asked]
    scores: list[list[torch.Tensor]] = [[] for _ in filters]
    places: list[list[torch.Tensor]] = [[] for _ in filters]
    for start in range(0, len(vectors), _BLOCK):
        here = torch.from_numpy(queries @ vectors[start : start + _BLOCK].T)
        own = np.flatnonzero((asked >= start) & (asked < start + here.shape[1]))
        here[own, asked[own] - start] = -math.inf
        for kind, allowed in enumerate(filters):
            some = None if allowed is None else np.flatnonzero(allowed[start : start + here.shape[1]])
            part = here if some is None else here[:, torch.from_numpy(some)]
            best, place = part.topk(min(10, part.shape[1]), dim=1)
            scores[kind].append(best)
            places[kind].append((place if some is None else torch.from_numpy(some)[place]) + start)
    found = []
    for kind in range(len(filters)):
        joined = torch.cat(scores[kind], dim=1)
        best, order = joined.topk(min(10, joined.shape[1]), dim=1)
        nearest = torch.cat(places[kind], dim=1).gather(1, order)
        found.append([set(p[b.isfinite()].tolist()) for p, b in zip(nearest, best, strict=True)])
    return found
