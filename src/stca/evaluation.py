"""Embed a data set's queries and gallery and score them by its protocols."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from stca.datasets.counts import count_unanswered
from stca.distance import Metric
from stca.embedding import embed_tracklets
from stca.errors import DatasetError, RankingError
from stca.inference import Neck
from stca.models import ReIDModel
from stca.ranking import (
    DistractorCurve,
    Distractors,
    KReciprocal,
    LearnedMetric,
    Protocol,
    RankMetrics,
    find_protocol,
    rank,
    rank_with_distractors,
)
from stca.tracklets import Embeddings, Splits, Tracklet

Reranking = Literal["k-reciprocal"] | KReciprocal | None
_SAME_TRACKLET = 0.99
"""Cosine above which two vectors of one key are the same tracklet's, whatever precision computed them."""


class TestSet(NamedTuple):
    """Embedded queries and gallery."""

    query: Embeddings
    gallery: Embeddings


def evaluate(
    model: ReIDModel,
    splits: Splits,
    *,
    metric: Metric | LearnedMetric = "cosine",
    protocols: Sequence[str] | None = None,
    reranking: Reranking = None,
    clip_len: int | None = None,
    batch_size: int = 16,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    workers: int = 2,
    neck: Neck = "after",
) -> list[RankMetrics]:
    """One `RankMetrics` per protocol of the data set (MARS has two), each naming its protocol.

    Where no query has an answer in another camera (footage of one camera), a protocol of the data set that
    counts only other cameras is replaced by `same-track`, with a warning. Named protocols are taken as given.

    Args:
        model: computes the embeddings.
        splits: whose query and gallery are embedded.
        metric: of the ranking; see `rank`.
        protocols: names of protocols to use instead of the data set's own.
        reranking: None, "k-reciprocal" or a `KReciprocal`.
        clip_len: see `embed_tracklets`, also for what follows.
        batch_size: clips per forward pass.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16", "int8", or "auto".
        runtime: "torch", "compile", "openvino", "onnxruntime", or "auto".
        workers: number of decoding processes.
        neck: vectors from "after" or "before" the BN neck.

    Raises:
        DatasetError: no queries or no gallery.
        RankingError: a protocol that does not exist or does not fit the data.

    """
    chosen = protocols or applicable_protocols(splits)
    test = embed_test_set(
        model,
        splits,
        clip_len=clip_len,
        batch_size=batch_size,
        device=device,
        precision=precision,
        runtime=runtime,
        workers=workers,
        neck=neck,
    )
    return score(test, chosen, metric=metric, reranking=reranking)


def score(
    test: TestSet,
    protocols: Sequence[str],
    *,
    metric: Metric | LearnedMetric = "cosine",
    reranking: Reranking = None,
) -> list[RankMetrics]:
    """Rank the embedded test set under each of the protocols."""
    return [
        rank(test.query, test.gallery, metric=metric, protocol=each, reranking=reranking)
        for each in protocols
    ]


def score_with_distractors(
    test: TestSet,
    strangers: Embeddings | None,
    sizes: Sequence[int],
    protocols: Sequence[str],
    *,
    metric: Metric | LearnedMetric = "cosine",
    description: str = "other tracklets",
) -> list[DistractorCurve]:
    """`score` with each number of strangers added to the gallery, one curve per protocol.

    Args:
        test: queries and gallery.
        strangers: tracklets of people who are not queried; None: vectors drawn in the gallery's likeness.
        sizes: numbers of strangers, which are taken from `strangers` in a random order.
        protocols: names.
        metric: of the ranking.
        description: says what the strangers are, with the scores.

    Raises:
        RankingError: as of `rank_with_distractors`; strangers that are rows of the test set.

    """
    if strangers is None:
        distractors = Distractors.like(test.gallery)
    else:
        _check_strange(test, strangers, description)
        distractors = Distractors.of(strangers, description)
    return [
        rank_with_distractors(
            test.query,
            test.gallery,
            distractors,
            sizes,
            metric=metric,
            protocol=protocol,
            label=f"{protocol}: distractors",
        )
        for protocol in protocols
    ]


def _check_strange(test: TestSet, strangers: Embeddings, description: str) -> None:
    """Raise RankingError where a stranger is a row of the test set: same key and almost the same vector.

    Keys alone do not tell, since two data sets may name their tracklets alike; nor do equal vectors, since
    another precision or batch changes them a little.
    """
    for part in test:
        if part.vectors.shape[1] != strangers.vectors.shape[1]:
            return  # refused in the ranking
        numbers = {key: number for number, key in enumerate(part.keys)}
        pairs = [(numbers[key], row) for row, key in enumerate(strangers.keys) if key in numbers]
        ours, theirs = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        alike = _cosines(part.vectors[ours], strangers.vectors[theirs]) > _SAME_TRACKLET
        same = [strangers.keys[row] for row in theirs[alike]]
        if same:
            raise RankingError(
                "Distractors are tracklets of people who are not queried",
                expected="other tracklets than the test set's",
                found=f"{len(same)} that are in both, first {same[0]!r}",
                where=description,
                hint="take another data set, or leave --strangers out: they are then drawn",
            )


def _cosines(a: Float32[np.ndarray, "N D"], b: Float32[np.ndarray, "N D"]) -> Float64[np.ndarray, " N"]:
    """The cosine of each row of `a` with the same row of `b`; of rows of zeros 1 if both are, else 0."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    zero = (x == 0).all(axis=1) & (y == 0).all(axis=1)
    return np.where(zero, 1.0, (x * y).sum(axis=1) / np.where(lengths > 0, lengths, 1.0))


def applicable_protocols(splits: Splits) -> tuple[str, ...]:
    """The data set's protocols, with `same-track` for those that footage of one camera cannot answer.

    A protocol that counts only other cameras is replaced where no query has an answer under it, but some has
    one under `same-track`; a warning says so. Otherwise the protocols are returned as they are.
    """
    queries = sum(t.person_id >= 0 for t in splits.query)
    alone = find_protocol("same-track")

    def replaced(protocol: Protocol) -> bool:
        return (
            protocol.left_out == "same-camera"
            and count_unanswered(splits, protocol) == queries
            and count_unanswered(splits, alone) < queries
        )

    names = [name for name in splits.protocols if replaced(find_protocol(name))]
    if names:
        warnings.warn(
            f"no query of {splits.name} has an answer in another camera, so {', '.join(names)} cannot be "
            f"scored: {alone.name} is used, where every other tracklet of the person is an answer (which is "
            "easier than finding a person in another camera)",
            stacklevel=3,
        )
    return tuple(dict.fromkeys(alone.name if name in names else name for name in splits.protocols))


def embed_test_set(
    model: ReIDModel,
    splits: Splits,
    *,
    clip_len: int | None = None,
    batch_size: int = 16,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    workers: int = 2,
    neck: Neck = "after",
    embed: Callable[..., Embeddings] | None = None,
) -> TestSet:
    """Embed queries and gallery; tracklets in both are embedded once.

    `embed` replaces `embed_tracklets`, with the same arguments, for example to distribute the work.
    """
    if not splits.query or not splits.gallery:
        raise DatasetError(
            f"{splits.name} has no test half",
            expected="queries and a gallery",
            found=f"{len(splits.query)} queries, {len(splits.gallery)} gallery tracklets",
        )
    row: dict[Tracklet, int] = {}
    for tracklet in (*splits.query, *splits.gallery):
        row.setdefault(tracklet, len(row))
    embedded = (embed or embed_tracklets)(
        model,
        list(row),
        clip_len=clip_len,
        batch_size=batch_size,
        device=device,
        precision=precision,
        runtime=runtime,
        workers=workers,
        neck=neck,
    )
    return TestSet(
        embedded.subset([row[t] for t in splits.query]), embedded.subset([row[t] for t in splits.gallery])
    )
