"""How many lists of an approximate index a search must visit: measured on the gallery's own rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
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
    filtered, recall_filtered, _ = _fewest(
        visit, lists, asked, nearest[1], effort.candidates, eighth, start=effort.lists
    )
    return Tuning(len(vectors), effort.candidates, effort.lists, filtered.lists, recall, recall_filtered)


def _fewest(
    visit: Visit,
    lists: int,
    asked: Float32[np.ndarray, "Q D"],
    nearest: list[set[int]],
    candidates: int,
    allowed: Mask | None = None,
    *,
    start: int = 1,
) -> tuple[Effort, float, float]:
    """Grow the number of lists by a seventh at a time until it is enough; the recall and seconds then."""
    probes = max(start, lists // 16)
    while True:
        effort = Effort(probes, candidates)
        begun = time.thread_time()
        found = [set(visit(query, 10, effort, allowed).tolist()) for query in asked]
        took = time.thread_time() - begun
        recall = sum(len(f & n) for f, n in zip(found, nearest, strict=True)) / sum(map(len, nearest))
        if recall >= TARGET or probes >= lists:
            return effort, recall, took
        probes = min(lists, math.ceil(probes * 1.15))


def exact(asked: Float32[np.ndarray, "Q D"], vectors: Vectors, allowed: Mask | None) -> list[set[int]]:
    """The ten nearest of each, by comparing with all."""
    best = np.full((len(asked), 0), -np.inf, dtype=np.float32)
    places = np.zeros((len(asked), 0), dtype=np.int64)
    for start in range(0, len(vectors), 1 << 16):
        scores = asked @ vectors[start : start + (1 << 16)].T
        if allowed is not None:
            scores[:, ~allowed[start : start + (1 << 16)]] = -np.inf
        best = np.concatenate([best, scores], axis=1)
        here = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        places = np.concatenate([places, here], axis=1)
        kept = np.argpartition(-best, min(10, best.shape[1] - 1), axis=1)[:, :10]
        best = np.take_along_axis(best, kept, axis=1)
        places = np.take_along_axis(places, kept, axis=1)
    return [set(p[np.isfinite(b)].tolist()) for p, b in zip(places, best, strict=True)]
