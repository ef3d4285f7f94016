"""Rank a gallery for every query and score the ranking under a named protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int64

from stca.distance import Metric
from stca.errors import RankingError
from stca.protocols import Protocol, find_protocol
from stca.ranking.answers import (
    GalleryBlock,
    Labels,
    check_overlap,
    concatenate,
    rows_that_count,
    same_person_pairs,
)
from stca.ranking.block_distances import BlockDistances
from stca.ranking.counting import Answers, count_before, count_before_in_distances
from stca.ranking.metric_learning import LearnedMetric
from stca.ranking.metrics import RankMetrics
from stca.ranking.neighbours import VectorDistances
from stca.ranking.reranking import KReciprocal, find_reranking, k_reciprocal_rows
from stca.ranking.scoring import Setting, score_counts
from stca.tools.progress import progress
from stca.tracklets import Embeddings

ROWS_AT_ONCE = 16384
"""Of a gallery, in one matrix product."""


def rank(
    query: Embeddings,
    gallery: Embeddings,
    *,
    metric: Metric | LearnedMetric = "cosine",
    protocol: str | Protocol = "cross-camera",
    reranking: Literal["k-reciprocal"] | KReciprocal | None = None,
    max_rank: int = 50,
) -> RankMetrics:
    """Score how well the queries find their person in the gallery.

    Gallery rows of the query's person and camera are excluded for that query, and queries without an answer
    are not scored, unless the protocol differs (`stca.ranking.PROTOCOLS`). A wrong row at the same distance
    as an answer counts as before it, so that the gallery's order does not matter.

    Args:
        query: the queries.
        gallery: the gallery; if the protocol has the queries in it, they are added here.
        metric: "cosine", "euclidean", or a metric that was learnt, such as `XQDA.fit(training)`.
        protocol: a name in `PROTOCOLS`, or a protocol of your own.
        reranking: "k-reciprocal", or `KReciprocal` with settings other than the paper's. It uses the other
            queries too, which a single search cannot: report such figures as re-ranked.
        max_rank: length of the CMC curve; beyond the gallery's size it keeps its last value.

    Raises:
        RankingError: nothing to rank or nothing to score, vectors of different length, an unknown protocol,
            or queries in the gallery against the protocol.

    """
    if isinstance(metric, LearnedMetric):
        found = rank(
            metric.transformed(query),
            metric.transformed(gallery),
            metric="euclidean",
            protocol=protocol,
            reranking=reranking,
            max_rank=max_rank,
        )
        return dataclasses.replace(found, metric=metric.name)
    blocks = gallery_blocks(gallery)
    settings = find_reranking(reranking)
    if settings is not None:
        found = _rank_again(query, blocks, find_protocol(protocol), settings, (metric, max_rank))
    else:
        found = rank_blocks(query, blocks, metric=metric, protocol=protocol, max_rank=max_rank)
    return dataclasses.replace(found, computed_by=query.computed_by)


def rank_blocks(
    query: Embeddings,
    blocks: Iterable[GalleryBlock],
    *,
    metric: Metric = "cosine",
    protocol: str | Protocol = "cross-camera",
    max_rank: int = 50,
    label: str | None = None,
) -> RankMetrics:
    """`rank` for a gallery that does not fit into memory: two passes over its blocks.

    Besides the queries, a few times one block is in memory. Half-precision vectors are compared with float32
    sums.

    Args:
        query: the queries.
        blocks: the gallery; a list or another iterable that can be iterated twice (no generator).
        metric: as in `rank`.
        protocol: as in `rank`.
        max_rank: as in `rank`.
        label: name of the progress display; None: no display.

    Raises:
        RankingError: as in `rank`, and for blocks that can be iterated only once.

    """
    protocol = find_protocol(protocol)
    _check_max_rank(max_rank)
    counts = count_answers(query, blocks, metric=metric, protocol=protocol, label=label)
    return counts.score(protocol, max_rank=max_rank)


@dataclass(frozen=True, slots=True, eq=False)
class AnswerCounts:
    """The answers of all queries in a gallery, and the number of wrong rows before each.

    Args:
        labels: of the queries, without junk.
        distances: of the same queries.
        answers: sorted by query.
        before: (A,) number of wrong rows that are not farther than the answer.
        gallery_size: number of rows that count.

    """

    labels: Labels
    distances: BlockDistances
    answers: Answers
    before: Int64[np.ndarray, " A"]
    gallery_size: int

    def score(self, protocol: Protocol, *, max_rank: int) -> RankMetrics:
        """The scores; see `rank_blocks`."""
        setting = Setting(metric=self.distances.metric, gallery_size=self.gallery_size, max_rank=max_rank)
        return score_counts(self.labels, self.answers.query, self.before, protocol, setting)


def count_answers(
    query: Embeddings,
    blocks: Iterable[GalleryBlock],
    *,
    metric: Metric,
    protocol: Protocol,
    label: str | None = None,
) -> AnswerCounts:
    """What `rank_blocks` scores; see there."""
    query = query.subset(np.flatnonzero(query.person_ids >= 0))
    _check_options(query, metric)
    if iter(blocks) is blocks:
        raise RankingError(
            "The gallery's blocks are iterated twice",
            expected="a list, or an object whose __iter__ starts from the beginning",
            found=type(blocks).__name__,
        )
    labels, distances = Labels.of(query), BlockDistances(query.vectors, metric)
    pairs, near, size = [], [], 0
    for block in _blocks(query, blocks, protocol, label=label and f"{label}: answers"):
        found = same_person_pairs(labels, block.labels, protocol)
        pairs.append(found)
        near.append(distances.exact(found.query[found.is_answer], block.vectors, found.row[found.is_answer]))
        size += len(block)
    _check_gallery(size)
    query_rows = np.concatenate([p.query[p.is_answer] for p in pairs])
    order = np.argsort(query_rows, kind="stable")
    answers = Answers(query_rows[order], np.concatenate(near)[order])
    again = (b.vectors for b in _blocks(query, blocks, protocol, label=label and f"{label}: impostors"))
    before = count_before(distances, answers, zip(again, pairs, strict=True))
    return AnswerCounts(labels, distances, answers, before, size)


def gallery_blocks(gallery: Embeddings) -> list[GalleryBlock]:
    """A gallery in memory as blocks."""
    labels = Labels.of(gallery)
    parts = [np.arange(i, min(i + ROWS_AT_ONCE, len(gallery))) for i in range(0, len(gallery), ROWS_AT_ONCE)]
    return [GalleryBlock(gallery.vectors[p[0] : p[-1] + 1], labels.subset(p)) for p in parts]


def rank_distances(
    distances: Float[np.ndarray, "Q G"],
    query: Labels,
    gallery: Labels,
    *,
    protocol: str | Protocol = "cross-camera",
    max_rank: int = 50,
) -> RankMetrics:
    """`rank` for given distances.

    Args:
        distances: (Q, G), smaller is nearer; compared exactly, without rounding.
        query: labels of the rows.
        gallery: labels of the columns. If the protocol has the queries in the gallery, they must be among
            the columns.
        protocol: as in `rank`.
        max_rank: as in `rank`.

    Raises:
        RankingError: as in `rank`; labels that do not fit the matrix, or a distance that is NaN.

    """
    protocol = find_protocol(protocol)
    distances = np.asarray(distances)
    if distances.shape != (len(query), len(gallery)):
        raise RankingError(
            "Distances and labels do not match",
            expected=f"({len(query)}, {len(gallery)})",
            found=distances.shape,
        )
    _check_max_rank(max_rank)
    if protocol.queries_in_gallery is not None:
        check_overlap(query, gallery, protocol, wanted=protocol.queries_in_gallery)
    columns = rows_that_count(gallery, protocol)
    pairs = same_person_pairs(query, gallery.subset(columns), protocol)
    everything = len(columns) == len(gallery)
    before = count_before_in_distances(distances, pairs, None if everything else columns)
    real = np.flatnonzero(query.person_ids >= 0)
    query_rows = np.searchsorted(real, pairs.query[pairs.is_answer])
    setting = Setting(metric="given distances", gallery_size=len(columns), max_rank=max_rank)
    return score_counts(query.subset(real), query_rows, before, protocol, setting)


def _rank_again(
    query: Embeddings,
    blocks: list[GalleryBlock],
    protocol: Protocol,
    settings: KReciprocal,
    options: tuple[Metric, int],
) -> RankMetrics:
    metric, max_rank = options
    query = query.subset(np.flatnonzero(query.person_ids >= 0))
    _check_options(query, metric)
    _check_max_rank(max_rank)
    parts = list(_blocks(query, blocks, protocol, label=None))
    gallery = concatenate([part.labels for part in parts])
    _check_gallery(len(gallery))
    distances = VectorDistances(np.concatenate([query.vectors, *(part.vectors for part in parts)]), metric)
    labels, query_rows, before = Labels.of(query), [], []
    for rows, block in k_reciprocal_rows(distances, len(query), settings):
        pairs = same_person_pairs(labels.subset(np.arange(len(query))[rows]), gallery, protocol)
        query_rows.append(pairs.query[pairs.is_answer] + rows.start)
        before.append(count_before_in_distances(block, pairs, None))
    setting = Setting(metric=metric, gallery_size=len(gallery), max_rank=max_rank, reranking=str(settings))
    return score_counts(labels, np.concatenate(query_rows), np.concatenate(before), protocol, setting)


def _blocks(
    query: Embeddings, blocks: Iterable[GalleryBlock], protocol: Protocol, *, label: str | None
) -> Iterator[GalleryBlock]:
    """The gallery by the protocol's rules: without junk, without distractors or with the queries."""
    if label is not None:
        blocks = progress(blocks, label=label)
    for block in blocks:
        if block.vectors.shape[1] != query.vectors.shape[1]:
            raise RankingError(
                "Queries and gallery have vectors of different length",
                expected=f"D = {query.vectors.shape[1]}, as the queries",
                found=f"D = {block.vectors.shape[1]} in the gallery",
                hint="embed both with the same model",
            )
        if protocol.queries_in_gallery is not None:
            check_overlap(Labels.of(query), block.labels, protocol, wanted=False)
        yield _that_count(block, protocol)
    if protocol.queries_in_gallery:
        yield _that_count(GalleryBlock(query.vectors, Labels.of(query)), protocol)


def _that_count(block: GalleryBlock, protocol: Protocol) -> GalleryBlock:
    rows = rows_that_count(block.labels, protocol)
    if len(rows) == len(block):
        return block
    return GalleryBlock(block.vectors[rows], block.labels.subset(rows))


def _check_options(query: Embeddings, metric: str) -> None:
    if len(query) == 0:
        raise RankingError(
            "There are no queries", expected="at least one query that is not junk", found="none"
        )
    if metric not in get_args(Metric):
        raise RankingError(f"There is no metric {metric!r}", expected=" or ".join(get_args(Metric)))


def _check_gallery(size: int) -> None:
    if size == 0:
        raise RankingError("The gallery is empty", expected="at least one row that is not junk", found="none")


def _check_max_rank(max_rank: int) -> None:
    if max_rank < 1:
        raise RankingError("A CMC curve needs a length", expected="max_rank of at least 1", found=max_rank)
