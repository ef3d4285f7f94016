"""Ranked lists: the nearest gallery tracklets of every query, and whether they are correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stca.distance import Metric, pairwise_distance
from stca.errors import RankingError
from stca.ranking import Labels, Protocol, find_protocol
from stca.ranking.answers import rows_that_count, same_person_pairs
from stca.tracklets import Embeddings

_BLOCK = 64


@dataclass(frozen=True)
class Match:
    """One gallery tracklet in a ranked list; `right` if it shows the query's identity."""

    key: str
    distance: float
    right: bool


@dataclass(frozen=True)
class RankedList:
    """A query and its nearest gallery tracklets, nearest first."""

    query: str
    matches: tuple[Match, ...]

    @property
    def first_right(self) -> bool:
        """Whether the match at rank 1 is correct."""
        return bool(self.matches) and self.matches[0].right


def ranked_lists(
    query: Embeddings,
    gallery: Embeddings,
    *,
    k: int = 8,
    metric: Metric = "cosine",
    protocol: str | Protocol = "cross-camera",
) -> list[RankedList]:
    """The k nearest gallery rows of every query that has a correct match under the protocol.

    Raises:
        RankingError: no query has a correct match in the gallery.

    """
    rule = find_protocol(protocol)
    if rule.queries_in_gallery:
        gallery = Embeddings.concatenate([gallery, query])
    gallery = gallery.subset(rows_that_count(Labels.of(gallery), rule))
    pairs = same_person_pairs(Labels.of(query), Labels.of(gallery), rule)
    rows = np.unique(pairs.query[pairs.is_answer])
    if not len(rows):
        raise RankingError(
            f"No query has a correct match under protocol {rule.name!r}", expected=rule.description
        )
    vectors, queries = torch.from_numpy(gallery.vectors), torch.from_numpy(query.vectors)
    lists = []
    for place, row in enumerate(rows):
        if place % _BLOCK == 0:
            block = pairwise_distance(queries[rows[place : place + _BLOCK]], vectors, metric=metric)
        distance = block[place % _BLOCK]
        mine = pairs.query == row
        left_out = pairs.row[mine & ~pairs.is_answer]
        answers = set(pairs.row[mine & pairs.is_answer].tolist())
        distance[torch.from_numpy(left_out)] = torch.inf
        values, order = distance.topk(min(k, len(gallery) - len(left_out)), largest=False)
        found = zip(order.tolist(), values.tolist(), strict=True)
        matches = tuple(Match(gallery.keys[i], d, i in answers) for i, d in found)
        lists.append(RankedList(query.keys[row], matches))
    return lists


def sample_lists(lists: Sequence[RankedList], count: int, *, seed: int = 0) -> list[RankedList]:
    """Draw lists at random, up to half of them with a wrong match at rank 1."""
    rng = np.random.default_rng(seed)
    order = [lists[i] for i in rng.permutation(len(lists))]
    wrong = [each for each in order if not each.first_right][: count // 2]
    right = [each for each in order if each.first_right][: count - len(wrong)]
    return right + wrong
