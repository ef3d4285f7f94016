from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config as jaxtyping_config

from stca.errors import RankingError
from stca.ranking import PROTOCOLS, GalleryBlock, Labels, Protocol, rank, rank_blocks, rank_distances
from stca.ranking.block_distances import BlockDistances
from stca.tracklets import Embeddings

from .slow import slow_distances, slow_rank

METRICS = ("cosine", "euclidean")


def embeddings(vectors, persons, cameras, prefix="") -> Embeddings:
    vectors = np.asarray(vectors, dtype=np.float32)
    keys = tuple(f"{prefix}{i}" for i in range(len(vectors)))
    return Embeddings(vectors, np.asarray(persons, np.int64), np.asarray(cameras, np.int64), keys)


def random_embeddings(rng, n, *, dim=8, persons=(0, 20), cameras=3, prefix="", spread=1.0) -> Embeddings:
    ids = rng.integers(*persons, size=n)
    centres = np.random.default_rng(1).normal(size=(max(persons[1], 1) + 2, dim))
    return embeddings(
        centres[ids] + spread * rng.normal(size=(n, dim)), ids, rng.integers(0, cameras, n), prefix
    )


def permuted(e: Embeddings, order) -> Embeddings:
    return e.subset(order)


def figures(metrics):
    return metrics.average_precision, metrics.first_match, metrics.inp


def assert_same(a, b):
    for x, y in zip(figures(a), figures(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-12)


def small_case(seed):
    """Few persons, few cameras, tiny whole numbers: ties and missing answers everywhere."""
    rng = np.random.default_rng(seed)
    queries, rows, dim = rng.integers(1, 6), rng.integers(1, 13), rng.integers(1, 4)
    top, cameras, reach = rng.integers(1, 5), rng.integers(1, 4), rng.integers(1, 4)

    def some(n, prefix):
        vectors = rng.integers(-reach, reach + 1, size=(n, dim))
        return embeddings(vectors, rng.integers(-1, top + 1, n), rng.integers(0, cameras, n), prefix)

    query, gallery = some(queries, "q"), some(rows, "g")
    if rng.random() < 0.5:  # the gallery knows some of the queries
        gallery = Embeddings.concatenate([gallery, query.subset(np.arange(rng.integers(1, queries + 1)))])
    return query, gallery


SEEDS = st.integers(0, 2**32 - 1)
PLAIN = [replace(p, queries_in_gallery=None) for p in PROTOCOLS.values()]


@settings(max_examples=3000, deadline=None)
@given(seed=SEEDS, protocol=st.sampled_from(PLAIN), metric=st.sampled_from(METRICS))
def test_agrees_with_lists_written_down(seed, protocol, metric):
    with annotations_checked(seed % 8 == 0):  # the checks take most of the time, and the shapes are few
        assert_agrees_with_lists(seed, protocol, metric)


@contextmanager
def annotations_checked(wanted):
    before = jaxtyping_config.jaxtyping_disable
    jaxtyping_config.update("jaxtyping_disable", before or not wanted)
    try:
        yield
    finally:
        jaxtyping_config.update("jaxtyping_disable", before)


def assert_agrees_with_lists(seed, protocol, metric):
    query, gallery = small_case(seed)
    distances = slow_distances(query, gallery, metric)
    expected = slow_rank(distances, query, gallery, protocol)
    answerable = any(first for _, first, _, _ in expected)
    runs = (
        lambda: rank(query, gallery, metric=metric, protocol=protocol, max_rank=5),
        lambda: rank_distances(
            np.array(distances), Labels.of(query), Labels.of(gallery), protocol=protocol, max_rank=5
        ),
    )
    for run in runs:
        if not answerable:
            with pytest.raises(RankingError):
                run()
            continue
        metrics = run()
        ap, first, inp, persons = (np.array(column) for column in zip(*expected, strict=True))
        np.testing.assert_allclose(metrics.average_precision, ap, atol=1e-12)
        np.testing.assert_array_equal(metrics.first_match, first)
        np.testing.assert_allclose(metrics.inp, inp, atol=1e-12)
        np.testing.assert_array_equal(metrics.person_ids, persons)
        cmc = [np.mean((first > 0) & (first <= k)) for k in range(1, 6)]
        np.testing.assert_allclose(metrics.cmc, cmc, atol=1e-12)
        assert metrics.mean_ap == pytest.approx(ap.mean(), abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, metric=st.sampled_from(METRICS))
def test_order_scale_and_junk_play_no_part(seed, metric):
    query, gallery = small_case(seed)
    rng = np.random.default_rng(seed)
    try:
        plain = rank(query, gallery, metric=metric)
    except RankingError:
        return
    assert_same(plain, rank(query, permuted(gallery, rng.permutation(len(gallery))), metric=metric))
    scaled = replace(gallery, vectors=gallery.vectors * np.float32(2.0 ** rng.integers(-60, 60)))
    if metric == "cosine":
        assert_same(plain, rank(query, scaled, metric=metric))
    junk = embeddings(rng.normal(size=(4, query.vectors.shape[1])), [-1, -2, -1, -1], [0, 1, 2, 3], "junk")
    with_junk = rank(query, Embeddings.concatenate([gallery, junk]), metric=metric)
    assert_same(plain, with_junk)
    assert with_junk.gallery_size == plain.gallery_size


@pytest.mark.parametrize("metric", METRICS)
def test_float32_rounding_decides_nothing(metric, monkeypatch):
    """Vectors with many equal rows among right and wrong ones; blocks cut and ordered in every way."""
    rng = np.random.default_rng(0)
    few = rng.normal(size=(30, 64)).astype(np.float32) + 1
    gallery = embeddings(
        few[rng.integers(0, 30, 700)], rng.integers(0, 40, 700), rng.integers(0, 3, 700), "g"
    )
    query = embeddings(few[rng.integers(0, 30, 60)], rng.integers(1, 40, 60), rng.integers(0, 3, 60), "q")
    exact = np.array(slow_distances(query, gallery, metric))
    plain = rank_distances(exact, Labels.of(query), Labels.of(gallery))
    for rows, order in ((7, np.arange(700)), (64, rng.permutation(700)), (1000, rng.permutation(700))):
        monkeypatch.setattr("stca.ranking.rank_gallery.ROWS_AT_ONCE", rows)
        assert_same(plain, rank(query, permuted(gallery, order), metric=metric))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("many", [0.0, 2.0])
def test_a_collapsed_model_is_ranked_exactly_too(metric, many, monkeypatch):
    """All vectors nearly the same: every float32 distance is too close to call, both ways to settle it agree."""
    monkeypatch.setattr("stca.ranking.counting._MANY", many)
    rng = np.random.default_rng(0)
    base = rng.normal(size=32)

    def near(n, prefix):
        vectors = base + 1e-3 * rng.normal(size=(n, 32))
        return embeddings(vectors, rng.integers(1, 9, n), rng.integers(0, 3, n), prefix)

    query, gallery = near(20, "q"), near(200, "g")
    x, y = query.vectors.astype(np.float64), gallery.vectors.astype(np.float64)
    if metric == "cosine":
        x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    distances = ((x[:, None] - y[None]) ** 2).sum(2)
    assert_same(
        rank_distances(distances, Labels.of(query), Labels.of(gallery)), rank(query, gallery, metric=metric)
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["both signs", "never negative", "nearly the same", "far from the origin"])
def test_float32_is_never_off_by_more_than_is_allowed_for(kind, metric):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 2048))
    vectors = {
        "both signs": vectors,
        "never negative": np.maximum(vectors, 0),
        "nearly the same": 1 + 0.01 * vectors,
        "far from the origin": 100 + vectors,
    }[kind].astype(np.float32)
    distances = BlockDistances(vectors, metric)
    rows = distances.prepare(vectors)
    block, rounding = distances.block(rows, rows)
    i, j = np.divmod(np.arange(60 * 60), 60)
    off = np.abs(block - distances.exact(i, vectors, j).reshape(60, 60)) / rounding[:, None]
    assert off.max() < 0.5


def test_many_answers_take_the_sorting_way():
    rng = np.random.default_rng(0)
    query = random_embeddings(rng, 10, persons=(1, 3), prefix="q")
    gallery = random_embeddings(rng, 900, persons=(0, 3), prefix="g", spread=2.0)
    expected = slow_rank(slow_distances(query, gallery, "cosine"), query, gallery, PROTOCOLS["cross-camera"])
    np.testing.assert_allclose(rank(query, gallery).average_precision, [e[0] for e in expected], atol=1e-12)


def test_blocks_in_half_precision_equal_the_whole():
    rng = np.random.default_rng(0)
    query = random_embeddings(rng, 30, persons=(1, 20), prefix="q")
    gallery = random_embeddings(rng, 500, prefix="g")
    half = gallery.vectors.astype(np.float16)
    rounded = replace(gallery, vectors=half.astype(np.float32))
    labels = Labels.of(gallery)
    cuts = np.array_split(np.arange(500), 7)
    blocks = [GalleryBlock(half[c], labels.subset(c)) for c in cuts]
    assert_same(rank(query, rounded), rank_blocks(query, blocks))


def test_blocks_that_can_be_read_once_are_refused():
    query = embeddings([[1.0, 0]], [1], [0])
    with pytest.raises(RankingError, match="iterated twice"):
        rank_blocks(query, (b for b in [GalleryBlock(query.vectors, Labels.of(query))]))


def test_the_same_camera_is_no_answer():
    query = embeddings([[1, 0]], [1], [1], "q")
    gallery = embeddings([[1, 0], [1, 0.1], [1, 0.5]], [1, 2, 1], [1, 1, 2], "g")
    metrics = rank(query, gallery)
    assert metrics.first_match.tolist() == [2]
    assert metrics.mean_ap == pytest.approx(0.5)
    assert rank(query, gallery, protocol="same-track").first_match.tolist() == [1]


def test_same_track_leaves_out_only_the_query_itself():
    both = embeddings([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], [1, 1, 2, 2], [1, 1, 1, 1], "t")
    metrics = rank(both, both, protocol="same-track")
    assert metrics.num_queries == 4
    assert metrics.mean_ap == 1.0


def test_distractors_are_impostors_even_for_each_other():
    query = embeddings([[1, 0], [1, 0]], [0, 1], [1, 1], "q")
    gallery = embeddings([[1, 0.1], [1, 0.2]], [0, 1], [2, 2], "g")
    metrics = rank(query, gallery)
    assert (metrics.num_queries, metrics.num_unanswerable) == (1, 1)
    assert metrics.first_match.tolist() == [2]
    without = rank(query, gallery, protocol=replace(PROTOCOLS["mars-A-no-distractors"]))
    assert (without.first_match.tolist(), without.gallery_size) == ([1], 1)


def test_cmc_goes_on_past_the_gallery():
    query = embeddings([[1, 0]], [1], [1], "q")
    gallery = embeddings([[1, 0.1], [1, 0.2]], [2, 1], [2, 2], "g")
    assert rank(query, gallery, max_rank=6).cmc.tolist() == [0, 1, 1, 1, 1, 1]


@pytest.fixture
def unchecked(monkeypatch):
    """As users call it: without the shape and type checks that run in tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.usefixtures("unchecked")
class TestMessages:
    query = embeddings(np.eye(3), [1, 2, 3], [1, 1, 1], "q")
    gallery = embeddings(np.eye(3), [1, 2, 3], [2, 2, 2], "g")

    def check(self, *parts, query=None, gallery=None, **options):
        with pytest.raises(RankingError) as caught:
            rank(
                self.query if query is None else query,
                self.gallery if gallery is None else gallery,
                **options,
            )
        for part in parts:
            assert part in str(caught.value)

    def test_unknown_protocol(self):
        self.check("mars_b", "cross-camera, mars-A", "did you mean", protocol="mars_b")

    def test_unknown_metric(self):
        self.check("cosin", "cosine or euclidean", metric="cosin")

    def test_different_lengths(self):
        self.check("D = 3", "D = 2", gallery=embeddings(np.ones((3, 2)), [1, 2, 3], [2, 2, 2], "g"))

    def test_nobody(self):
        none = self.query.subset([])
        self.check("There are no queries", query=none)
        self.check("gallery is empty", gallery=none)

    def test_no_answers(self):
        self.check(
            "No query has an answer",
            "same-track",
            gallery=replace(self.gallery, camera_ids=self.query.camera_ids),
        )

    def test_queries_where_they_must_not_be(self):
        self.check("mars-A", "3 of 3", gallery=self.query, protocol="mars-A")
        self.check("mars-B", "3 of 3", gallery=self.query, protocol="mars-B")

    def test_queries_missing_from_a_matrix(self):
        with pytest.raises(RankingError, match="0 of 3"):
            rank_distances(np.eye(3), Labels.of(self.query), Labels.of(self.gallery), protocol="mars-B")

    def test_one_key_two_persons(self):
        other = replace(self.query, person_ids=np.array([3, 2, 1]))
        self.check("two persons", "q0", gallery=other, protocol="same-track")

    def test_nan_and_wrong_shape(self):
        labels = Labels.of(self.query), Labels.of(self.gallery)
        with pytest.raises(RankingError, match="NaN"):
            rank_distances(np.full((3, 3), np.nan), *labels)
        with pytest.raises(RankingError, match=r"\(3, 3\)"):
            rank_distances(np.zeros((3, 2)), *labels)
        bad = GalleryBlock(np.full((3, 3), np.inf, np.float16), labels[1])
        with pytest.raises(RankingError, match="not finite"), np.errstate(invalid="ignore"):
            rank_blocks(self.query, [bad])

    def test_per_frame_cameras(self):
        with pytest.raises(RankingError, match="per tracklet"):
            Labels(np.array([1, 2]), np.array([1, 1, 1]))

    def test_max_rank(self):
        self.check("max_rank", max_rank=0)

    def test_protocol_typo(self):
        with pytest.raises(RankingError, match="step or trapezoid"):
            Protocol(name="mine", description="", average_precision="trapez")
