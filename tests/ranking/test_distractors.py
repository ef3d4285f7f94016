from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stca.analysis.distractor_figure import distractor_csv, distractor_figure
from stca.errors import RankingError
from stca.ranking import XQDA, Distractors, rank, rank_with_distractors
from stca.ranking import distractors as module
from stca.tracklets import Embeddings

from .slow import slow_distances, slow_rank
from .test_rank import METRICS, assert_same, embeddings, figures, random_embeddings, small_case


def strangers_of(rng, n, dim, reach=3) -> Embeddings:
    return embeddings(rng.integers(-reach, reach + 1, (n, dim)), rng.integers(1, 4, n), np.zeros(n), "s")


def with_strangers(gallery: Embeddings, strangers: Embeddings) -> Embeddings:
    """The gallery with the strangers behind it, who are nobody."""
    nobody = replace(strangers, person_ids=np.zeros(len(strangers), np.int64))
    return Embeddings.concatenate([gallery, nobody])


@given(
    st.integers(0, 2**20), st.sampled_from(METRICS), st.sampled_from(["cross-camera", "mars-B", "same-track"])
)
@settings(max_examples=60)
def test_every_size_is_the_slow_ranking_with_so_many_rows_more(seed, metric, protocol) -> None:
    query, gallery = small_case(seed)
    rng = np.random.default_rng(seed)
    strangers = strangers_of(rng, 9, query.vectors.shape[1])
    distractors = Distractors.of(strangers, "others", seed=seed)
    order = np.concatenate([strangers.vectors[:0], *distractors.blocks(9)])
    try:
        plain = rank(query, gallery, metric=metric, protocol=protocol)
    except RankingError:
        with pytest.raises(RankingError):
            rank_with_distractors(query, gallery, distractors, [0, 4], metric=metric, protocol=protocol)
        return
    curve = rank_with_distractors(query, gallery, distractors, [9, 0, 4, 4], metric=metric, protocol=protocol)
    assert curve.sizes == (0, 4, 9)
    for x, y in zip(figures(curve.metrics[0]), figures(plain), strict=True):
        assert np.array_equal(x, y)
    rule = module.find_protocol(protocol)
    for size, found in zip(curve.sizes, curve.metrics, strict=True):
        rows = with_strangers(gallery, embeddings(order[:size], np.ones(size), np.zeros(size), "s"))
        if rule.queries_in_gallery:
            rows = Embeddings.concatenate([rows, query])
        slow = slow_rank(slow_distances(query, rows, metric), query, rows, rule)
        np.testing.assert_allclose(found.average_precision, [each[0] for each in slow], atol=1e-12)
        assert found.first_match.tolist() == [each[1] for each in slow]
        assert found.gallery_size == int((rows.person_ids >= 0).sum())


def test_scores_do_not_depend_on_the_division_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    query, gallery = (random_embeddings(rng, n, prefix=p) for n, p in ((40, "q"), (120, "g")))
    strangers = Distractors.of(random_embeddings(rng, 500, prefix="s"), "others")
    whole = rank_with_distractors(query, gallery, strangers, [0, 100, 500])
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    for one, other in zip(
        whole.metrics, rank_with_distractors(query, gallery, strangers, [0, 100, 500]).metrics, strict=True
    ):
        assert_same(one, other)


def test_no_figure_rises_with_the_gallery() -> None:
    rng = np.random.default_rng(4)
    query, gallery = (random_embeddings(rng, n, prefix=p) for n, p in ((60, "q"), (150, "g")))
    curve = rank_with_distractors(query, gallery, Distractors.like(gallery), [0, 10, 100, 1000, 5000])
    assert curve.metrics[-1].mean_ap < curve.metrics[0].mean_ap
    for before, after in zip(curve.metrics, curve.metrics[1:], strict=False):
        assert (after.first_match >= before.first_match).all()
        assert (after.average_precision <= before.average_precision).all()


def test_drawn_rows_have_the_mean_and_covariance_of_the_gallery_and_the_same_beginning() -> None:
    rng = np.random.default_rng(5)
    gallery = random_embeddings(rng, 300, dim=6, persons=(-1, 20))
    drawn = np.concatenate(list(Distractors.like(gallery).blocks(40_000)))
    rows = gallery.vectors[gallery.person_ids >= 0]
    assert drawn.shape == (40_000, 6)
    np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(rows.T), atol=0.1)
    np.testing.assert_allclose(
        np.concatenate(list(Distractors.like(gallery).blocks(50))), drawn[:50], rtol=1e-5
    )


def test_a_learnt_metric_ranks_transformed_strangers() -> None:
    rng = np.random.default_rng(6)
    training, query, gallery, strangers = (
        random_embeddings(rng, n, persons=(1, 20)) for n in (200, 20, 60, 30)
    )
    query, gallery = replace(query, keys=tuple(f"q{k}" for k in query.keys)), gallery
    metric = XQDA.fit(training, dims=4)
    distractors = Distractors.of(strangers, "others")
    curve = rank_with_distractors(query, gallery, distractors, [30], metric=metric)
    expected = rank(query, with_strangers(gallery, strangers), metric=metric)
    assert_same(curve.metrics[0], expected)
    assert curve.metrics[0].metric == metric.name


def test_too_few_strangers_other_lengths_and_protocols_without_them_are_refused() -> None:
    rng = np.random.default_rng(7)
    query, gallery = (random_embeddings(rng, n, prefix=p) for n, p in ((20, "q"), (60, "g")))
    few = Distractors.of(random_embeddings(rng, 5), "five others")
    with pytest.raises(RankingError, match=r"not so many[\s\S]*at most 5[\s\S]*five others"):
        rank_with_distractors(query, gallery, few, [6])
    with pytest.raises(RankingError, match="different length"):
        rank_with_distractors(query, gallery, Distractors.of(random_embeddings(rng, 5, dim=3), "x"), [5])
    with pytest.raises(RankingError, match="removes distractors"):
        rank_with_distractors(query, gallery, few, [5], protocol="mars-A-no-distractors")
    with pytest.raises(RankingError, match="two gallery rows"):
        Distractors.like(gallery.subset([0]))


def test_table_and_csv_show_figures_with_intervals_and_what_the_strangers_are() -> None:
    rng = np.random.default_rng(8)
    query, gallery = (random_embeddings(rng, n, prefix=p) for n, p in ((60, "q"), (150, "g")))
    curve = rank_with_distractors(query, gallery, Distractors.like(gallery), [0, 1000])
    table, rows = curve.table(), distractor_csv([("net", curve)]).splitlines()
    assert str(curve.metrics[1].interval("mAP")) in table
    assert "drawn from a normal distribution" in table
    assert len(rows) == 3
    assert rows[2].startswith(f"net,cross-camera,1000,{curve.metrics[1].gallery_size},")
    axes = distractor_figure([("net", curve)]).axes
    assert [list(line.get_ydata()) for line in axes[0].lines] == [[100 * m.cmc[0] for m in curve.metrics]]


def test_blocks_are_made_one_by_one_whatever_the_number_and_slips_of_the_keyboard_are_refused() -> None:
    rng = np.random.default_rng(9)
    query, gallery = (random_embeddings(rng, n, prefix=p) for n, p in ((20, "q"), (60, "g")))
    drawn = Distractors.like(gallery)
    first = next(iter(drawn.blocks(10**11)))  # would be 800 GB of row numbers
    assert np.array_equal(first, next(iter(drawn.blocks(module.ROWS_AT_ONCE))))
    with pytest.raises(RankingError, match=r"at most 1,000,000,000[\s\S]*1,000,000,001"):
        rank_with_distractors(query, gallery, drawn, [0, 10**9 + 1])
