"""The approximate index, and how much of it a search visits."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.gallery import indexes, tuning
from stca.gallery.indexes import FastIndex, balanced_pairs
from stca.gallery.tuning import TARGET, Effort, exact, tune


def unit_rows(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, dim)) * np.geomspace(1, 0.1, dim)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def built() -> tuple[FastIndex, np.ndarray]:
    rows = unit_rows(3000)
    return FastIndex.build(rows), rows


# ---- which directions share a code ----


@given(st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=64).filter(lambda values: len(values) % 2 == 0))
def test_every_direction_is_in_one_pair_and_no_pairing_in_order_is_more_even(values: list[float]) -> None:
    variance = np.array(values, dtype=np.float32)
    order = balanced_pairs(variance)
    assert sorted(order) == list(range(len(values)))
    log = np.log(variance)
    plain = np.sort(log).reshape(-1, 2).sum(axis=1)
    assert np.ptp(log[order].reshape(-1, 2).sum(axis=1)) <= np.ptp(plain) + 1e-4


def test_variances_that_fall_evenly_make_equal_pairs() -> None:
    variance = np.float32(2.0) ** -np.arange(8, dtype=np.float32)
    products = variance[balanced_pairs(variance)].reshape(-1, 2).prod(axis=1)
    assert np.allclose(products, products[0])


# ---- how much is visited ----


def test_the_nearest_others_are_those_that_comparing_finds() -> None:
    rows, asked = unit_rows(200), np.array([3, 77, 199])
    some = np.random.default_rng(1).random(200) < 0.2
    everything, filtered = exact(asked, rows, None, some)
    for number, own in enumerate(asked):
        order = [int(i) for i in np.argsort(-(rows @ rows[own])) if i != own]
        assert everything[number] == set(order[:10])
        assert filtered[number] == set([i for i in order if some[i]][:10])


def test_the_fewest_lists_that_are_enough_are_found() -> None:
    rows = unit_rows(500)
    tried = []

    def visit(query: np.ndarray, count: int, effort: Effort, allowed: np.ndarray | None) -> np.ndarray:
        """All the nearest from 37 lists (with a filter: 52) and 512 candidates on, else the half."""
        tried.append(effort)
        sum(range(200 * effort.candidates))  # more of them take longer
        scores = rows @ query
        if allowed is not None:
            scores[~allowed & (scores < 0.9999)] = -2
        good = effort.lists >= (37 if allowed is None else 52) and effort.candidates >= 512
        return np.argsort(-scores)[: count if good else count // 2]

    found = tune(visit, 128, rows, seed=0, queries=40)
    steps = tuning._steps(128)
    assert found.candidates == 512
    assert found.probes == next(step for step in steps if step >= 37)
    assert found.probes_filtered == next(step for step in steps if step >= 52)
    assert found.recall == found.recall_filtered == 1.0
    assert len(tried) < 40 * len(steps), "not every number of lists is tried"


def test_a_row_that_finds_itself_found_nothing() -> None:
    rows = unit_rows(100)

    def visit(query: np.ndarray, _count: int, _effort: Effort, _allowed: np.ndarray | None) -> np.ndarray:
        return np.argsort(-(rows @ query))[:1]

    found = tune(visit, 8, rows, seed=0, queries=20)
    assert (found.probes, found.recall) == (8, 0.0), "all lists, since no number is enough"


def test_what_is_measured_holds_for_others(built: tuple[FastIndex, np.ndarray]) -> None:
    index, rows = built
    queries = unit_rows(100, seed=9)
    right = sum(
        len(set(index.search(query, 10, None).tolist()) & set(np.argsort(-(rows @ query))[:10].tolist()))
        for query in queries
    )
    assert index.tuning.recall >= TARGET
    assert right / 1000 > TARGET - 0.02


# ---- searching ----


@pytest.mark.parametrize("part", [1.0, 0.3, 0.005])
def test_more_answers_than_the_visited_lists_hold(built: tuple[FastIndex, np.ndarray], part: float) -> None:
    index, rows = built
    allowed = None if part == 1 else np.random.default_rng(2).random(len(rows)) < part
    few = FastIndex(index.faiss_index, dataclasses.replace(index.tuning, probes=1, probes_filtered=1))
    wanted = len(rows) if allowed is None else int(allowed.sum())
    found = few.search(rows[0], len(rows), allowed)
    assert len(set(found.tolist())) == len(found) == wanted
    assert allowed is None or allowed[found].all()


def test_rows_that_are_all_alike_are_found() -> None:
    index = FastIndex.build(np.full((2000, 16), 0.25, dtype=np.float32))
    query = np.full(16, 0.25, dtype=np.float32)
    assert len(set(index.search(query, 10, None).tolist())) >= 10


@pytest.mark.parametrize("dim", [5, 6, 130])
def test_odd_dimensions(dim: int) -> None:
    rows = unit_rows(2000, dim)
    index = FastIndex.build(rows)
    found = [set(index.search(query, 10, None).tolist()) for query in rows[:30]]
    nearest = [set(np.argsort(-(rows @ query))[:10].tolist()) for query in rows[:30]]
    assert sum(len(f & n) for f, n in zip(found, nearest, strict=True)) / 300 > TARGET - 0.02


def test_threads_find_the_same(built: tuple[FastIndex, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    index, rows = built
    alone = [set(index.search(query, 10, None).tolist()) for query in rows[:50]]
    monkeypatch.setattr(indexes, "_MANY", 1)
    shared = [set(index.search(query, 10, None).tolist()) for query in rows[:50]]
    same = sum(len(a & b) for a, b in zip(alone, shared, strict=True)) / sum(map(len, alone))
    assert same > 0.99, "but for ties of the coarse codes"
