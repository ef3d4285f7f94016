"""Embed a data set's test half and score it by the data set's own protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from stca.distance import Metric
from stca.embedding import embed_tracklets
from stca.errors import DatasetError
from stca.inference import Neck
from stca.models import ReIDModel
from stca.ranking import KReciprocal, RankMetrics, rank
from stca.tracklets import Embeddings, Splits, Tracklet

Reranking = Literal["k-reciprocal"] | KReciprocal | None


class TestSet(NamedTuple):
    """Embedded queries and gallery."""

    query: Embeddings
    gallery: Embeddings


def evaluate(
    model: ReIDModel,
    splits: Splits,
    *,
    metric: Metric = "cosine",
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

    Args:
        model: what embeds.
        splits: whose query and gallery are embedded.
        metric: of the ranking.
        protocols: names to use instead of the data set's own.
        reranking: None, "k-reciprocal" or a `KReciprocal`.
        clip_len: see `embed_tracklets`, also for what follows.
        batch_size: clips per forward pass.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16", "int8", or "auto".
        runtime: "torch", "compile", "openvino", "onnxruntime", or "auto".
        workers: processes that decode.
        neck: which vectors to rank.

    Raises:
        DatasetError: no queries or no gallery.
        RankingError: a protocol that does not exist or does not fit the data.

    """
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
    return score(test, protocols or splits.protocols, metric=metric, reranking=reranking)


def score(
    test: TestSet, protocols: Sequence[str], *, metric: Metric = "cosine", reranking: Reranking = None
) -> list[RankMetrics]:
    """Rank the embedded test set by each of the protocols."""
    return [
        rank(test.query, test.gallery, metric=metric, protocol=each, reranking=reranking)
        for each in protocols
    ]


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
    """Embed queries and gallery; a tracklet that is in both is embedded once.

    `embed` stands in for `embed_tracklets`, with the same arguments: where the work is shared out, for one.
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
