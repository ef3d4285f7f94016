"""Clustering against merging the closest pair first, and what must hold for every result."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slow_linkage import slow_linkage
from stca.errors import ConfigError, RankingError
from stca.linking.clustering import average_linkage, cosine_distances
from stca.linking.constraints import Sightings, forbid_impossible


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, Sightings, np.ndarray | None, float]:
    """Vectors around a few centres, seen by a few cameras at random times; no ties but by miracle."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, centres = draw(st.integers(1, 11)), draw(st.integers(1, 4))
    cameras = draw(st.integers(1, 3))
    vectors = rng.normal(size=(centres, 6))[rng.integers(centres, size=count)]
    vectors = vectors + draw(st.sampled_from([0.1, 0.6, 2.0])) * rng.normal(size=(count, 6))
    first = rng.uniform(0, draw(st.sampled_from([1.0, 10.0, 1000.0])), count)
    seen = Sightings(rng.integers(cameras, size=count), first, first + rng.exponential(2.0, count))
    least = np.where(rng.random((cameras, cameras)) < 0.5, rng.uniform(0, 5, (cameras, cameras)), -np.inf)
    least = np.maximum(least, least.T)
    return vectors, seen, draw(st.sampled_from([None, least])), draw(st.floats(-0.5, 2.5))


def constrained(vectors: np.ndarray, seen: Sightings, least: np.ndarray | None) -> np.ndarray:
    distances = cosine_distances(vectors)
    forbid_impossible(distances, seen, least)
    return distances


@given(problems())
def test_it_is_what_merging_the_closest_pair_gives(problem: tuple) -> None:
    vectors, seen, least, threshold = problem
    distances = constrained(vectors, seen, least)
    np.testing.assert_array_equal(
        average_linkage(distances.copy(), threshold=threshold), slow_linkage(distances, threshold)
    )


def impossible(seen: Sightings, least: np.ndarray | None, i: int, j: int) -> bool:
    """Whether i and j cannot be one person, from the words of the rule."""
    a, b = (i, j) if seen.first[i] <= seen.first[j] else (j, i)
    if seen.cameras[a] == seen.cameras[b] and seen.first[b] <= seen.last[a]:
        shared = min(seen.last[a], seen.last[b]) - seen.first[b]
        shorter = min(seen.last[a] - seen.first[a], seen.last[b] - seen.first[b])
        if not (shared <= 1.0 and shared < shorter / 2):
            return True
    return least is not None and seen.first[b] - seen.last[a] < least[seen.cameras[a], seen.cameras[b]]


@given(problems())
def test_nobody_is_in_two_places_at_once(problem: tuple) -> None:
    vectors, seen, least, _ = problem
    labels = average_linkage(constrained(vectors, seen, least), threshold=3.0)
    for i, j in combinations(range(len(labels)), 2):
        assert labels[i] != labels[j] or not impossible(seen, least, i, j)


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(problem: tuple, random: object) -> None:
    vectors, seen, least, threshold = problem
    order = np.array(random.sample(range(len(vectors)), len(vectors)))  # type: ignore[attr-defined]
    shuffled = Sightings(seen.cameras[order], seen.first[order], seen.last[order])
    labels = average_linkage(constrained(vectors, seen, least), threshold=threshold)
    again = average_linkage(constrained(vectors[order], shuffled, least), threshold=threshold)
    together = labels[:, None] == labels[None, :]
    np.testing.assert_array_equal(again[:, None] == again[None, :], together[order][:, order])


@given(problems(), st.floats(0, 1))
def test_a_larger_threshold_only_joins_groups(problem: tuple, more: float) -> None:
    vectors, seen, least, threshold = problem
    fine = average_linkage(constrained(vectors, seen, least), threshold=threshold)
    coarse = average_linkage(constrained(vectors, seen, least), threshold=threshold + more)
    together, still = fine[:, None] == fine[None, :], coarse[:, None] == coarse[None, :]
    assert (still | ~together).all()


def test_a_group_keeps_the_constraints_of_all_its_members() -> None:
    # 0 and 1 are the closest; 2 is close to both, but was seen together with 0.
    vectors = np.array([[1, 0, 0], [1, 0.01, 0], [1, 0.05, 0.05]])
    seen = Sightings(np.zeros(3, np.int64), np.array([0.0, 10.0, 0.0]), np.array([5.0, 12.0, 3.0]))
    assert list(average_linkage(constrained(vectors, seen, None), threshold=1.0)) == [0, 0, 1]


def test_unknown_times_forbid_nothing() -> None:
    seen = Sightings(np.zeros(2, np.int64), np.full(2, np.nan), np.full(2, np.nan))
    distances = np.zeros((2, 2), np.float32)
    forbid_impossible(distances, seen, np.full((1, 1), 5.0))
    assert (distances == 0).all()


def test_nothing_and_one() -> None:
    assert average_linkage(np.zeros((0, 0), np.float32), threshold=0.5).shape == (0,)
    assert list(average_linkage(np.zeros((1, 1), np.float32), threshold=0.5)) == [0]


def test_two_thousand_tracklets_of_a_hundred_people_come_back() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(100, size=2000)
    vectors = rng.normal(size=(100, 64))[people] + 0.4 * rng.normal(size=(2000, 64))
    labels = average_linkage(cosine_distances(vectors), threshold=0.5)
    np.testing.assert_array_equal(labels[:, None] == labels[None, :], people[:, None] == people[None, :])


def test_wrong_input_is_refused() -> None:
    with pytest.raises(RankingError, match="no direction"):
        cosine_distances(np.zeros((2, 3)))
    with pytest.raises(ConfigError, match="finite"):
        average_linkage(np.zeros((2, 2), np.float32), threshold=float("nan"))
    with pytest.raises(ConfigError, match="ends before"):
        Sightings(np.zeros(1, np.int64), np.ones(1), np.zeros(1))
