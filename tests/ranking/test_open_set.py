"""Open-set measures beside the slow, obvious version."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.errors import RankingError
from stca.ranking.open_set import OpenSet, open_set_scores


def slow_rates(scores, mates, strangers, threshold):
    """Search by search, as the definition says."""
    asked = accepted = known = found = 0
    for row, mine, theirs in zip(scores, mates, strangers, strict=True):
        others = [s for s, stranger in zip(row, theirs, strict=True) if stranger]
        own = [s for s, mate in zip(row, mine, strict=True) if mate]
        if others:
            asked += 1
            accepted += max(others) >= threshold
        if own:
            known += 1
            found += max(own) >= threshold and (not others or max(own) > max(others))
    return accepted / asked, found / known


def made(seed: int, queries: int, rows: int, *, levels: int):
    rng = np.random.default_rng(seed)
    who, asks = rng.integers(0, 5, rows), rng.integers(0, 5, queries)
    mates = asks[:, None] == who
    strangers = ~mates & (rng.random(mates.shape) < 0.8)
    scores = np.round(0.3 * mates + rng.random(mates.shape) / 1.5, levels)
    mates[0, 0], strangers[0] = True, strangers[0] & (np.arange(rows) > 0)
    strangers[0, 1], mates[0, 1] = True, False
    return scores, mates, strangers


@given(
    seed=st.integers(0, 500),
    queries=st.integers(1, 30),
    rows=st.integers(2, 30),
    far=st.floats(0, 1),
    levels=st.sampled_from([1, 6]),
)
def test_rates_and_thresholds_are_those_of_the_definition(seed, queries, rows, far, levels) -> None:
    scores, mates, strangers = made(seed, queries, rows, levels=levels)
    found = OpenSet(*open_set_scores(scores, mates, strangers))
    for threshold in (-1.0, 0.3, 0.5, 0.75, 2.0, found.threshold(far)):
        accepted, right = slow_rates(scores, mates, strangers, threshold)
        assert found.false_accept_rate(threshold) == pytest.approx(accepted)
        assert found.identification_rate(threshold) == pytest.approx(right)
    chosen = found.threshold(far)
    assert found.false_accept_rate(chosen) <= far + 1e-9
    lower = [s for s in (*np.unique(found.impostor), -1.0) if s < chosen]
    if chosen > -1:
        assert found.false_accept_rate(max(lower)) > far, "any lower threshold lets too many in"
    assert found.dir_at_far(far) == found.identification_rate(chosen)


@given(seed=st.integers(0, 100))
def test_the_curve_goes_through_every_rate(seed: int) -> None:
    found = OpenSet(*open_set_scores(*made(seed, 20, 15, levels=1)))
    fars, rates = found.curve()
    assert fars[0] == 0
    assert fars[-1] == 1
    assert (np.diff(fars) > 0).all()
    assert (np.diff(rates) >= 0).all()
    for far, rate in zip(fars, rates, strict=True):
        assert found.dir_at_far(far) == pytest.approx(rate)


def test_a_tie_counts_against() -> None:
    right, impostor = open_set_scores(
        np.array([[0.5, 0.5]]), np.array([[True, False]]), np.array([[False, True]])
    )
    assert right.tolist() == [-np.inf]
    assert impostor.tolist() == [0.5]


def test_known_figures() -> None:
    found = OpenSet(np.array([0.9, 0.8, 0.7, -np.inf]), np.linspace(0.01, 1, 100)[::-1])
    assert found.threshold(0.05) == pytest.approx(0.95)
    assert found.threshold(0.05) > 0.95
    assert found.dir_at_far(0.05) == 0
    assert found.dir_at_far(0.25) == 0.5
    assert found.dir_at_far(1) == 0.75
    assert found.threshold(1) == -1


def test_what_is_refused() -> None:
    one = np.array([0.5])
    for right, impostor, complaint in (
        (one[:0], one, "0 and 1"),
        (one, one[:0], "1 and 0"),
        (one, one * np.nan, "A score is NaN"),
    ):
        with pytest.raises(RankingError, match=complaint):
            OpenSet(right, impostor)
    with pytest.raises(RankingError, match="fraction"):
        OpenSet(one, one).threshold(1.5)
