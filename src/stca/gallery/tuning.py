"""How many lists a search must visit and candidates re-rank: measured on the gallery's own rows."""

from __future__ import annotations

import functools
import math
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from stca.gallery.engine import Vector, Vectors

Places = Int64[np.ndarray, " k"]
Mask = Bool[np.ndarray, " N"]
Visit = Callable[[Vector, int, "Effort", Mask | None], Places]
"""(query, count, effort, allowed rows) to places."""

TARGET = 0.985
"""Of recall@10 on the gallery's own rows, when the number of lists to visit is chosen."""
FILTERED = 1 / 8
"""The part of all rows that passes the filter which is measured."""
CANDIDATES = (256, 1024)
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


def tune(visit: Visit, lists: int, vectors: Vectors, *, seed: int, queries: int = 200) -> Tuning:
    """The quickest effort that reaches `TARGET` for rows of the gallery, for everything and for an eighth.

    Args:
        visit: searches with a given effort.
        lists: how many there are.
        vectors: all rows.
        seed: of the choice of rows that ask.
        queries: how many of them.

    """
    rng = np.random.default_rng(seed)
    asked = vectors[rng.choice(len(vectors), min(queries, len(vectors)), replace=False)]
    eighth = rng.random(len(vectors)) < FILTERED
    nearest = exact(asked, vectors, None), exact(asked, vectors, eighth)
    tried = [_fewest(visit, lists, asked, nearest[0], candidates) for candidates in CANDIDATES]
    effort, recall, _ = min(tried, key=lambda found: (found[1] < TARGET, found[2]))
    filtered, recall_filtered, _ = _fewest(visit, lists, asked, nearest[1], effort.candidates, allowed=eighth)
    return Tuning(len(vectors), effort.candidates, effort.lists, filtered.lists, recall, recall_filtered)


def _fewest(
    visit: Visit,
    lists: int,
    asked: Float32[np.ndarray, "Q D"],
    nearest: list[set[int]],
    candidates: int,
    *,
    allowed: Mask | None = None,
) -> tuple[Effort, float, float]:
    """The least number of lists, in steps of 7 %, that is enough (or all); its recall and seconds.

    More lists find more, so the steps are halved and not walked.
    """

    @functools.cache
    def measured(probes: int) -> tuple[Effort, float, float]:
        effort = Effort(probes, candidates)
        begun = time.thread_time()
        found = [set(visit(query, 10, effort, allowed).tolist()) for query in asked]
        took = time.thread_time() - begun
        right = sum(len(f & n) for f, n in zip(found, nearest, strict=True))
        return effort, right / sum(map(len, nearest)), took

    steps = [max(1, lists // 16)]
    while steps[-1] < lists:
        steps.append(min(lists, math.ceil(steps[-1] * 1.07)))
    enough = bisect_left(steps, True, key=lambda probes: measured(probes)[1] >= TARGET)
    return measured(steps[min(enough, len(steps) - 1)])


def exact(asked: Float32[np.ndarray, "Q D"], vectors: Vectors, allowed: Mask | None) -> list[set[int]]:
    """The ten nearest of each, by comparing with all."""
    scores, places = [], []
    for start in range(0, len(vectors), 1 << 16):
        here = torch.from_numpy(asked @ vectors[start : start + (1 << 16)].T)
        if allowed is not None:
            here[:, torch.from_numpy(~allowed[start : start + (1 << 16)])] = -math.inf
        best, place = here.topk(min(10, here.shape[1]), dim=1)
        scores.append(best)
        places.append(place + start)
    best, order = torch.cat(scores, dim=1).topk(min(10, len(vectors)), dim=1)
    found = torch.cat(places, dim=1).gather(1, order)
    return [set(p[b.isfinite()].tolist()) for p, b in zip(found, best, strict=True)]
