"""How many lists of an approximate index a search must visit: measured on the gallery's own rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from stca.gallery.engine import Vector, Vectors

Places = Int64[np.ndarray, " k"]
Mask = Bool[np.ndarray, " N"]
Visit = Callable[[Vector, int, int, Mask | None], Places]
"""(query, count, lists to visit, allowed rows) to places of candidates."""

TARGET = 0.985
"""Of recall@10 on the gallery's own rows, when the number of lists to visit is chosen."""
FILTERED = 1 / 8
"""The part of all rows that passes the filter which is measured."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured when an approximate index was built.

    Args:
        rows: how many it was built for.
        probes: lists to visit when everything is asked.
        probes_filtered: lists to visit when one camera in eight is asked, or as much as that.
        recall: recall@10 against exact search, on rows of the gallery, when everything is asked.
        recall_filtered: the same through the filter.

    """

    rows: int
    probes: int
    probes_filtered: int
    recall: float
    recall_filtered: float


def tune(visit: Visit, lists: int, vectors: Vectors, *, seed: int, queries: int = 200) -> Tuning:
    """The fewest lists that reach `TARGET` for rows of the gallery, for everything and for an eighth."""
    rng = np.random.default_rng(seed)
    asked = vectors[rng.choice(len(vectors), min(queries, len(vectors)), replace=False)]
    eighth = rng.random(len(vectors)) < FILTERED
    nearest = exact(asked, vectors, None), exact(asked, vectors, eighth)
    probes, recall = _fewest(visit, lists, asked, nearest[0], None)
    filtered, recall_filtered = _fewest(visit, lists, asked, nearest[1], eighth, start=probes)
    return Tuning(len(vectors), probes, max(probes, filtered), recall, recall_filtered)


def _fewest(
    visit: Visit,
    lists: int,
    asked: Float32[np.ndarray, "Q D"],
    nearest: list[set[int]],
    allowed: Mask | None,
    *,
    start: int = 1,
) -> tuple[int, float]:
    """Grow the number of lists by a seventh at a time until it is enough."""
    probes = max(start, lists // 64)
    while True:
        found = [set(visit(query, 10, probes, allowed).tolist()) for query in asked]
        recall = sum(len(f & n) for f, n in zip(found, nearest, strict=True)) / sum(map(len, nearest))
        if recall >= TARGET or probes >= lists:
            return probes, recall
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
