"""XQDA and KISSME are what their papers write, pair by pair; and rank as a metric like the others."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.stats import ortho_group

from stca.errors import RankingError
from stca.ranking import KISSME, PROTOCOLS, XQDA, LearnedMetric, rank, rank_distances
from stca.ranking.answers import Labels
from stca.tracklets import Embeddings

FITS = {
    "XQDA": XQDA.fit,
    "XQDA, not regularised": lambda e: XQDA.fit(e, regularisation=0.0),
    "XQDA, two directions": lambda e: XQDA.fit(e, dims=2),
    "XQDA, all pairs": lambda e: XQDA.fit(e, cross_camera=False),
    "KISSME": KISSME.fit,
    "KISSME, three components": lambda e: KISSME.fit(e, dims=3),
    "KISSME, regularised": lambda e: KISSME.fit(e, regularisation=0.1),
}


def embeddings(vectors, persons, cameras, prefix: str = "") -> Embeddings:
    keys = tuple(f"{prefix}{i}" for i in range(len(vectors)))
    return Embeddings(vectors.astype(np.float32), np.array(persons), np.array(cameras), keys)


def people(seed: int, *, persons: int = 12, each: int = 6, dim: int = 5, noise: float = 0.5) -> Embeddings:
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(1, persons + 1), each)
    mixed = rng.normal(size=(dim, dim))
    vectors = rng.normal(size=(persons + 1, dim))[ids] + noise * rng.normal(size=(len(ids), dim)) @ mixed
    return embeddings(vectors, ids, rng.integers(0, 3, len(ids)), f"{seed}-")


def mapped(e: Embeddings, matrix: np.ndarray, shift: np.ndarray) -> Embeddings:
    return embeddings(e.vectors.astype(np.float64) @ matrix + shift, e.person_ids, e.camera_ids)


def slow_covariances(e: Embeddings, *, cross_camera: bool) -> tuple[np.ndarray, np.ndarray]:
    found = {True: [], False: []}
    for i, j in itertools.combinations(range(len(e)), 2):
        if min(e.person_ids[i], e.person_ids[j]) > 0 and (
            not cross_camera or e.camera_ids[i] != e.camera_ids[j]
        ):
            d = e.vectors[i].astype(np.float64) - e.vectors[j].astype(np.float64)
            found[bool(e.person_ids[i] == e.person_ids[j])].append(np.outer(d, d))
    return np.mean(found[True], axis=0), np.mean(found[False], axis=0)


def slow_xqda(e: Embeddings, *, regularisation: float, cross_camera: bool) -> np.ndarray:
    """W M W' by inverses, as the paper writes it; the eigenvectors' lengths are whatever they are."""
    same, different = slow_covariances(e, cross_camera=cross_camera)
    same = same + regularisation * np.trace(same) / len(same) * np.eye(len(same))
    values, vectors = np.linalg.eig(np.linalg.inv(same) @ different)
    w = np.real(vectors)[:, np.real(values) > 1]
    return w @ (np.linalg.inv(w.T @ same @ w) - np.linalg.inv(w.T @ different @ w)) @ w.T


def slow_kissme(e: Embeddings, *, regularisation: float, cross_camera: bool) -> np.ndarray:
    same, different = (
        each + regularisation * np.trace(each) / len(each) * np.eye(len(each))
        for each in slow_covariances(e, cross_camera=cross_camera)
    )
    values, vectors = np.linalg.eigh(np.linalg.inv(same) - np.linalg.inv(different))
    return sum(max(v, 0) * np.outer(u, u) for v, u in zip(values, vectors.T, strict=True))


def slow_distances(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.astype(np.float64), y.astype(np.float64)
    return np.array([[(a - b) @ matrix @ (a - b) for b in y] for a in x])


@pytest.mark.parametrize("cross_camera", [True, False])
@pytest.mark.parametrize("regularisation", [0.0, 0.05])
@pytest.mark.parametrize(("metric", "slow"), [(XQDA, slow_xqda), (KISSME, slow_kissme)])
def test_distances_are_those_of_the_papers_formulas_pair_by_pair(
    metric: type[XQDA | KISSME], slow, regularisation: float, cross_camera: bool
) -> None:
    for seed in range(5):
        training, x, y = people(seed), people(seed + 100), people(seed + 200)
        training.person_ids[:3] = 0, -1, 0  # distractors and junk teach nothing
        found = metric.fit(training, regularisation=regularisation, cross_camera=cross_camera)
        expected = slow_distances(
            slow(training, regularisation=regularisation, cross_camera=cross_camera), x.vectors, y.vectors
        )
        np.testing.assert_allclose(found.distances(x.vectors, y.vectors), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_it_is_a_distance(fit) -> None:
    learnt, x = fit(people(1)), people(2).vectors
    squared = learnt.distances(x, x)
    np.testing.assert_allclose(squared, squared.T, rtol=1e-12)
    assert (squared >= 0).all()
    np.testing.assert_allclose(np.diag(squared), 0, atol=1e-12)
    plain = np.sqrt(squared)
    assert (plain[:, None, :] <= plain[:, :, None] + plain[None, :, :] + 1e-9).all()
    assert isinstance(learnt, LearnedMetric)


@pytest.mark.parametrize("name", FITS)
def test_rotating_moving_and_scaling_the_vectors_changes_nothing_and_nor_does_their_order(name: str) -> None:
    rng = np.random.default_rng(0)
    training, test = people(3), people(4)
    before = FITS[name](training).distances(test.vectors, test.vectors)
    matrix, shift = 3.0 * ortho_group.rvs(5, random_state=1), rng.normal(size=5)
    after = FITS[name](mapped(training, matrix, shift))
    moved = mapped(test, matrix, shift).vectors
    np.testing.assert_allclose(after.distances(moved, moved), before, rtol=1e-3, atol=1e-4)
    again = FITS[name](training.subset(rng.permutation(len(training))))
    np.testing.assert_allclose(again.distances(test.vectors, test.vectors), before, rtol=1e-8, atol=1e-9)


def test_without_regularisation_xqda_is_the_same_after_any_invertible_map() -> None:
    rng = np.random.default_rng(0)
    training, test = people(3), people(4)
    matrix, shift = rng.normal(size=(5, 5)), rng.normal(size=5)
    assert np.linalg.cond(matrix) > 3
    moved = mapped(test, matrix, shift).vectors

    def distances(regularisation: float) -> tuple[np.ndarray, np.ndarray]:
        before = XQDA.fit(training, regularisation=regularisation)
        after = XQDA.fit(mapped(training, matrix, shift), regularisation=regularisation)
        return before.distances(test.vectors, test.vectors), after.distances(moved, moved)

    before, after = distances(0.0)
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)
    before, after = distances(1.0)
    assert np.abs(after - before).max() > 0.01 * before.max()


def shifted_cameras(seed: int, persons: range) -> Embeddings:
    """What tells persons apart is small beside what a camera adds."""
    rng = np.random.default_rng(seed)
    ids, cameras = np.repeat(persons, 4), np.tile([0, 0, 1, 1], len(persons))
    identity = np.random.default_rng(0).normal(size=(200, 4))[ids]
    nuisance = 8 * rng.normal(size=(len(ids), 6)) + 10 * cameras[:, None]
    vectors = np.concatenate([identity + 0.1 * rng.normal(size=identity.shape), nuisance], axis=1)
    mixing = ortho_group.rvs(10, random_state=5)
    return embeddings(vectors @ mixing, ids, cameras, f"{seed}-")


def split(e: Embeddings) -> tuple[Embeddings, Embeddings]:
    rows = np.arange(len(e))
    return e.subset(rows[e.camera_ids == 0]), e.subset(rows[e.camera_ids == 1])


@pytest.mark.parametrize("metric", [XQDA, KISSME])
def test_what_was_learnt_on_some_persons_finds_others_where_the_cosine_does_not(metric) -> None:
    query, gallery = split(shifted_cameras(2, range(100, 160)))
    learnt = rank(query, gallery, metric=metric.fit(shifted_cameras(1, range(1, 60))))
    assert learnt.metric == metric.__name__
    assert learnt.value("rank-1") > 0.9
    for plain in ("cosine", "euclidean"):
        assert rank(query, gallery, metric=plain).value("rank-1") < 0.3


@pytest.mark.parametrize("protocol", [name for name, p in PROTOCOLS.items() if not p.queries_in_gallery])
def test_ranking_by_it_is_ranking_by_its_distances(protocol: str) -> None:
    learnt, query, gallery = XQDA.fit(people(1)), people(5), people(6)
    gallery.person_ids[:4] = 0, -1, 0, 0
    found = rank(query, gallery, metric=learnt, protocol=protocol)
    distances = learnt.distances(query.vectors, gallery.vectors)
    expected = rank_distances(distances, Labels.of(query), Labels.of(gallery), protocol=protocol)
    np.testing.assert_allclose(found.average_precision, expected.average_precision, atol=1e-12)
    np.testing.assert_array_equal(found.first_match, expected.first_match)


def test_ranking_by_it_with_the_queries_in_the_gallery_and_reranked() -> None:
    learnt, query, gallery = XQDA.fit(people(1)), people(5), people(6)
    assert rank(query, gallery, metric=learnt, protocol="mars-B").gallery_size == len(query) + len(gallery)
    again = rank(query, gallery, metric=learnt, reranking="k-reciprocal")
    plain = rank(
        learnt.transformed(query), learnt.transformed(gallery), metric="euclidean", reranking="k-reciprocal"
    )
    np.testing.assert_array_equal(again.average_precision, plain.average_precision)
    assert "XQDA" in again.table()


@pytest.mark.parametrize("metric", [XQDA, KISSME])
def test_it_comes_back_from_its_file(metric, tmp_path: Path) -> None:
    learnt, x = metric.fit(people(1)), people(2).vectors
    learnt.save(tmp_path / "metric.safetensors")
    back = LearnedMetric.load(tmp_path / "metric.safetensors")
    assert back.name == metric.__name__
    np.testing.assert_array_equal(back.distances(x, x), learnt.distances(x, x))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"no metric")
    save_file({"projection": np.eye(2)}, tmp_path / "weights.safetensors")
    save_file({"projection": np.eye(2)}, tmp_path / "half.safetensors", metadata={"metric": "XQDA"})
    for name in ("damaged", "missing", "weights", "half"):
        with pytest.raises(RankingError, match=f"Cannot read a metric[\\s\\S]*{name}.safetensors"):
            LearnedMetric.load(tmp_path / f"{name}.safetensors")


def alone(e: Embeddings, person: int) -> Embeddings:
    return e.subset(np.flatnonzero(e.person_ids == person))


@pytest.mark.parametrize("fit", [XQDA.fit, KISSME.fit])
def test_what_cannot_be_learnt_from_is_refused(fit) -> None:
    good = people(1)
    with pytest.raises(RankingError, match="at least two persons"):
        fit(alone(good, 3))
    one_camera = Embeddings(good.vectors, good.person_ids, 0 * good.camera_ids, good.keys)
    with pytest.raises(RankingError, match=r"pairs of vectors of the same person in two cameras[\s\S]*try:"):
        fit(one_camera)
    fit(one_camera, cross_camera=False)
    once = good.subset(np.unique(good.person_ids, return_index=True)[1])
    with pytest.raises(RankingError, match="pairs of vectors of the same person"):
        fit(once, cross_camera=False)
    few = people(1, persons=3, each=3, dim=20)
    with pytest.raises(RankingError, match=r"20 independent directions[\s\S]*regularisation"):
        fit(few, regularisation=0.0)
    fit(few, regularisation=0.1)
    with pytest.raises(RankingError, match="not finite"):
        fit(mapped(good, np.full((5, 5), np.nan), np.zeros(5)))
    for wrong in ({"dims": 0}, {"regularisation": -1.0}, {"regularisation": float("nan")}):
        with pytest.raises(RankingError):
            fit(good, **wrong)


def test_more_components_than_dimensions_are_refused() -> None:
    with pytest.raises(RankingError, match="1 to 5"):
        KISSME.fit(people(1), dims=6)


@pytest.mark.parametrize("fit", [XQDA.fit, KISSME.fit])
def test_where_persons_differ_less_among_each_other_than_from_themselves_nothing_is_learnt(fit) -> None:
    vectors = np.array([[-1.0, 0], [1, 0], [-1, 0.1], [1, 0.1], [0, -1], [0, 1], [0, 1], [0, -1]])
    e = embeddings(vectors, [1, 1, 2, 2, 3, 3, 4, 4], [0, 1] * 4)
    with pytest.raises(RankingError, match="two persons differ more"):
        fit(e, cross_camera=True)


def test_vectors_of_another_length_and_impossible_metrics_are_refused() -> None:
    learnt = XQDA.fit(people(1))
    with pytest.raises(RankingError, match=r"\(N, 5\)"):
        rank(people(2, dim=4), people(3, dim=4), metric=learnt)
    w = np.eye(3)
    for matrix in (np.eye(2), -np.eye(3), np.full((3, 3), np.nan), np.eye(3) + np.eye(3, k=1)):
        with pytest.raises(RankingError):
            LearnedMetric(w, matrix)
