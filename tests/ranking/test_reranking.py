from __future__ import annotations

from dataclasses import replace

import jaxtyping
import numpy as np
import pytest

from stca.errors import RankingError
from stca.ranking import (
    PROTOCOLS,
    KReciprocal,
    Labels,
    k_reciprocal,
    k_reciprocal_from_distances,
    neighbours,
    rank,
    rank_distances,
    reranking,
)
from stca.ranking.neighbours import MatrixDistances, VectorDistances

from .test_rank import assert_same, random_embeddings

METRICS = ("cosine", "euclidean")


def slow_k_reciprocal(distances, num_queries, settings):
    """The procedure of Zhong et al. 2017 on a full (N, N) matrix of squared distances, set by set."""
    total = len(distances)
    scaled = distances / distances.max(axis=1, keepdims=True)
    ranking = np.argsort(distances, axis=1, kind="stable")

    def reciprocal(i, k):
        return {j for j in ranking[i, : k + 1] if i in ranking[j, : k + 1]}

    weights = np.zeros((total, total))
    for i in range(total):
        first = reciprocal(i, settings.k1)
        members = set(first)
        for j in first:
            candidate = reciprocal(j, int(np.around(settings.k1 / 2)))
            if len(candidate & first) > 2 / 3 * len(candidate):
                members |= candidate
        for j in members:
            weights[i, j] = np.exp(-scaled[i, j])
        if members:
            weights[i] /= weights[i].sum()
    weights = np.array([weights[ranking[i, : settings.k2]].mean(axis=0) for i in range(total)])
    final = np.empty((num_queries, total - num_queries))
    for q in range(num_queries):
        for g in range(num_queries, total):
            least = np.minimum(weights[q], weights[g]).sum()
            jaccard = 1 - least / (2 - least)
            final[q, g - num_queries] = (
                1 - settings.lambda_value
            ) * jaccard + settings.lambda_value * scaled[q, g]
    return final


def squared(vectors, metric):
    vectors = vectors.astype(np.float64)
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return ((vectors[:, None] - vectors[None]) ** 2).sum(2)


def some(queries=15, rows=60, seed=0, spread=0.7):
    rng = np.random.default_rng(seed)
    return (
        random_embeddings(rng, queries, persons=(1, 12), prefix="q", spread=spread),
        random_embeddings(rng, rows, persons=(0, 12), prefix="g", spread=spread),
    )


SETTINGS = (
    KReciprocal(),
    KReciprocal(k1=5, k2=1),
    KReciprocal(k1=7, k2=3, lambda_value=0.0),
    KReciprocal(k1=3, k2=9, lambda_value=1.0),
    KReciprocal(k1=500, k2=400),
)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("metric", METRICS)
def test_equals_the_slow_procedure(metric, settings):
    query, gallery = some(rows=25 if settings.k1 > 75 else 60)  # more neighbours than rows: slow is very slow
    expected = slow_k_reciprocal(
        squared(np.concatenate([query.vectors, gallery.vectors]), metric), 15, settings
    )
    fast = k_reciprocal(query.vectors, gallery.vectors, metric=metric, settings=settings)
    np.testing.assert_allclose(fast, expected, atol=2e-6)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_slow_procedure_from_distances(seed):
    query, gallery = some(20, 200, seed, spread=1.2)
    square = squared(np.concatenate([query.vectors, gallery.vectors]), "euclidean")
    plain = np.sqrt(square)
    fast = k_reciprocal_from_distances(plain[:20, 20:], plain[:20, :20], plain[20:, 20:])
    np.testing.assert_allclose(fast, slow_k_reciprocal(square, 20, KReciprocal()), atol=2e-6)


def test_blocks_and_chunks_change_nothing(monkeypatch):
    query, gallery = some(30, 400)
    plain = k_reciprocal(query.vectors, gallery.vectors)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 20_000)
    monkeypatch.setattr(reranking, "_ENTRIES_AT_ONCE", 500)
    np.testing.assert_allclose(k_reciprocal(query.vectors, gallery.vectors), plain, atol=1e-5)


def test_ties_go_to_the_earlier_row():
    """Whole numbers, many equal distances, enough columns for the shortcut in the selection."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 9, size=(20, 900)).astype(np.float32)
    for count in (1, 3, 20):
        expected = np.argsort(block, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(neighbours._smallest(block, count), expected)


@pytest.mark.parametrize("rows", [slice(0, 7), slice(3, 4), slice(2, 9), slice(6, 12), slice(0, 12)])
def test_distances_from_matrices_and_vectors_are_the_same(rows):
    query, gallery = some(5, 7)
    everything = np.concatenate([query.vectors, gallery.vectors])
    square = squared(everything, "euclidean")
    plain = np.sqrt(square)
    matrices = MatrixDistances(plain[:5, 5:], plain[:5, :5], plain[5:, 5:])
    i, j = np.divmod(np.arange(144), 12)
    np.testing.assert_allclose(matrices.block(rows), square[rows], rtol=1e-5)
    np.testing.assert_allclose(matrices.pairs(i, j), square.ravel(), rtol=1e-5)
    vectors = VectorDistances(everything, "euclidean")
    np.testing.assert_allclose(2 * vectors.block(rows), square[rows], atol=1e-4)
    np.testing.assert_allclose(2 * vectors.pairs(i, j), square.ravel(), atol=1e-4)


@pytest.mark.parametrize("protocol", ["cross-camera", "mars-A-no-distractors", "mars-B"])
def test_rank_scores_the_reranked_list(protocol):
    query, gallery = some(30, 150, spread=1.5)
    metrics = rank(query, gallery, protocol=protocol, reranking="k-reciprocal")
    rows = np.flatnonzero(gallery.person_ids > 0) if "no-dis" in protocol else np.arange(150)
    gallery = gallery.subset(rows)
    if protocol == "mars-B":
        gallery = type(gallery).concatenate([gallery, query])
    distances = k_reciprocal(query.vectors, gallery.vectors)
    assert_same(metrics, rank_distances(distances, Labels.of(query), Labels.of(gallery), protocol=protocol))
    assert metrics.gallery_size == len(gallery)
    assert "k-reciprocal (k1 20, k2 6, lambda 0.3)" in metrics.table()


def test_reranking_helps_where_persons_form_clusters():
    query, gallery = some(60, 400, spread=1.0)
    plain, again = rank(query, gallery), rank(query, gallery, reranking=KReciprocal())
    assert again.mean_ap > plain.mean_ap + 0.02


def test_only_the_original_distance_ranks_as_before():
    query, gallery = some(30, 200)
    assert_same(rank(query, gallery), rank(query, gallery, reranking=KReciprocal(lambda_value=1.0)))


def test_identical_rows_do_not_break_it():
    query, gallery = some(3, 60)
    same = np.repeat(gallery.vectors[:1], 60, axis=0)
    assert np.isfinite(k_reciprocal(same[:3], same, settings=KReciprocal(k1=4))).all()
    metrics = rank(query, replace(gallery, vectors=same), reranking="k-reciprocal")
    assert 0 <= metrics.mean_ap <= 1


def test_messages(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    query, gallery = some()
    with pytest.raises(RankingError, match="k-reciprocal"):
        rank(query, gallery, reranking="k_reciprocal")
    with pytest.raises(RankingError, match="impossible"):
        KReciprocal(k1=0)
    with pytest.raises(RankingError, match="do not match"):
        k_reciprocal_from_distances(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(RankingError, match="empty"):
        rank(query, gallery.subset([]), reranking="k-reciprocal")
    with pytest.raises(RankingError, match="15 of 15"):
        rank(query, query, reranking="k-reciprocal", protocol=PROTOCOLS["mars-B"])
