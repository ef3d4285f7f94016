"""Ranked lists: each query beside its closest gallery tracklets, right and wrong marked (figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stca.analysis.figures import INK, QUERY, RIGHT, WRONG
from stca.clips import read_frame
from stca.distance import Metric, pairwise_distance
from stca.errors import RankingError
from stca.ranking import Labels, Protocol, find_protocol
from stca.ranking.answers import rows_that_count, same_person_pairs
from stca.tracklets import Embeddings, Tracklet

_AT_ONCE = 64


@dataclass(frozen=True)
class Match:
    """One row of a ranked list."""

    key: str
    distance: float
    right: bool


@dataclass(frozen=True)
class RankedList:
    """A query and what was found, closest first."""

    query: str
    matches: tuple[Match, ...]

    @property
    def first_right(self) -> bool:
        """Whether the closest is right."""
        return bool(self.matches) and self.matches[0].right


def ranked_lists(
    query: Embeddings,
    gallery: Embeddings,
    *,
    k: int = 8,
    metric: Metric = "cosine",
    protocol: str | Protocol = "cross-camera",
) -> list[RankedList]:
    """The k closest gallery rows of every query that has an answer, by the protocol's rules.

    Raises:
        RankingError: no query has an answer.

    """
    rule = find_protocol(protocol)
    if rule.queries_in_gallery:
        gallery = Embeddings.concatenate([gallery, query])
    gallery = gallery.subset(rows_that_count(Labels.of(gallery), rule))
    pairs = same_person_pairs(Labels.of(query), Labels.of(gallery), rule)
    rows = np.unique(pairs.query[pairs.is_answer])
    if not len(rows):
        raise RankingError(f"No query has an answer under protocol {rule.name!r}", expected=rule.description)
    vectors, asked = torch.from_numpy(gallery.vectors), torch.from_numpy(query.vectors)
    lists = []
    for place, row in enumerate(rows):
        if place % _AT_ONCE == 0:
            block = pairwise_distance(asked[rows[place : place + _AT_ONCE]], vectors, metric=metric)
        distance = block[place % _AT_ONCE]
        mine = pairs.query == row
        left_out = pairs.row[mine & ~pairs.is_answer]
        answers = set(pairs.row[mine & pairs.is_answer].tolist())
        distance[torch.from_numpy(left_out)] = torch.inf
        values, order = distance.topk(min(k, len(gallery) - len(left_out)), largest=False)
        found = zip(order.tolist(), values.tolist(), strict=True)
        matches = tuple(Match(gallery.keys[i], d, i in answers) for i, d in found)
        lists.append(RankedList(query.keys[row], matches))
    return lists


def pick(lists: Sequence[RankedList], count: int, *, seed: int = 0) -> list[RankedList]:
    """Some right and some wrong at rank 1: wrong ones up to half, as chance has it."""
    rng = np.random.default_rng(seed)
    order = [lists[i] for i in rng.permutation(len(lists))]
    wrong = [each for each in order if not each.first_right][: count // 2]
    right = [each for each in order if each.first_right][: count - len(wrong)]
    return right + wrong


def ranked_lists_figure(
    lists: Sequence[RankedList], tracklets: Mapping[str, Tracklet], *, title: str = ""
) -> Figure:
    """One row per query: the query in blue, then its list, green where right and red where wrong.

    Args:
        lists: at least one.
        tracklets: by key; the middle frame of each is shown.
        title: above the picture.

    """
    columns = 1 + max(len(each.matches) for each in lists)
    figure = Figure(figsize=(0.95 * columns + 0.4, 2.25 * len(lists) + 0.7), layout="constrained")
    grid = figure.subplots(len(lists), columns, squeeze=False)
    for row, each in enumerate(lists):
        asked = tracklets[each.query]
        _tile(grid[row, 0], asked, f"query\ncam {asked.camera_id}", QUERY)
        for column in range(1, columns):
            if column > len(each.matches):
                grid[row, column].set_axis_off()
                continue
            match = each.matches[column - 1]
            found = tracklets[match.key]
            words = f"{column}: {match.distance:.2f}\ncam {found.camera_id}"
            _tile(grid[row, column], found, words, RIGHT if match.right else WRONG)
    figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _tile(axes: Axes, tracklet: Tracklet, words: str, colour: str) -> None:
    axes.imshow(read_frame(tracklet, len(tracklet) // 2), aspect="auto")
    axes.set_box_aspect(2)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=3)
    axes.set_title(words, fontsize=7, color=INK, pad=3)
