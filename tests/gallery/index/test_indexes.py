"""The approximate index, and how much of it a search visits."""

import dataclasses
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.gallery.index import indexes, tuning
from stca.gallery.index.faiss_import import import_faiss, threads
from stca.gallery.index.indexes import FastIndex
from stca.gallery.index.training import balanced_pairs
from stca.gallery.index.tuning import TARGET, Effort, exact, tune


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


def test_lists_and_codes_are_made_of_balanced_pairs(built: tuple[FastIndex, np.ndarray]) -> None:
    index, rows = built
    faiss = import_faiss()
    coarse = faiss.downcast_index(faiss.downcast_index(index.faiss_index.index).base_index)
    order = faiss.vector_to_array(faiss.downcast_VectorTransform(coarse.chain.at(0)).map)
    variance = index.faiss_index.chain.at(0).apply(rows).var(axis=0)
    products = np.log(variance[order]).reshape(-1, 2).sum(axis=1)
    assert sorted(order) == list(range(16))
    assert np.ptp(products) < 0.5 * np.ptp(np.log(np.sort(variance)).reshape(-1, 2).sum(axis=1))


# ---- how much is visited ----


@pytest.mark.parametrize("block", [1 << 16, 64])
def test_the_nearest_others_are_those_that_comparing_finds(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "_BLOCK", block)
    rows, asked = unit_rows(200), np.array([3, 77, 199])
    some = np.random.default_rng(1).random(200) < 0.2
    everything, filtered = exact(asked, rows, None, some)
    for number, own in enumerate(asked):
        order = [int(i) for i in np.argsort(-(rows @ rows[own])) if i != own]
        assert everything[number] == set(order[:10])
        assert filtered[number] == set([i for i in order if some[i]][:10])


def test_the_fewest_lists_that_are_enough_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = unit_rows(500)
    tried: list[Effort] = []
    monkeypatch.setattr(tuning.time, "thread_time", lambda: sum(effort.candidates for effort in tried))

    def visit(query: np.ndarray, count: int, effort: Effort, allowed: np.ndarray | None) -> np.ndarray:
        """All the nearest from 37 lists (with a filter: 52) and 512 candidates on, else the half."""
        tried.append(effort)
        scores = rows @ query
        if allowed is not None:
            scores[~allowed] = -2
        good = effort.lists >= (37 if allowed is None else 52) and effort.candidates >= 512
        return np.argsort(-scores)[: count if good else count // 2]

    found = tune(visit, 128, rows, seed=0, workers=1, queries=40)
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

    found = tune(visit, 8, rows, seed=0, workers=1, queries=20)
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


def people() -> tuple[np.ndarray, np.random.Generator]:
    """6,000 vectors of 750 people, and what further draws come from."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((750, 32))[rng.integers(0, 750, 6000)] + 0.5 * rng.standard_normal((6000, 32))
    return rows, rng


def units(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@functools.cache
def index_of_people() -> FastIndex:
    """The same for every filter, as long as nothing is shifted."""
    return FastIndex.build(units(people()[0]))


@pytest.mark.parametrize("part", [0.3, 0.12, 0.05, 0.02, 0.01])
@pytest.mark.parametrize("shifted", [False, True])
def test_narrow_filters_find_what_comparing_finds(
    part: float, shifted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where those who pass are alike: one camera of many, whose light shifts all its vectors."""
    monkeypatch.setattr(indexes, "_FEW", 50)
    rows, rng = people()
    allowed = rng.random(len(rows)) < part
    if shifted:
        rows[allowed] += 0.4 * rng.standard_normal(32)
        index = FastIndex.build(units(rows))
    else:
        index = index_of_people()
    rows = units(rows)
    positions, right = np.flatnonzero(allowed), 0
    asking = rows[~allowed][:100]
    for query in asking:
        nearest = positions[np.argsort(-(rows[positions] @ query))[:10]]
        right += len(set(nearest.tolist()) & set(index.search(query, 10, allowed).tolist()))
    assert right / (10 * len(asking)) > 0.97


def test_two_threads_may_make_the_same_filter(built: tuple[FastIndex, np.ndarray]) -> None:
    """The second one's takes the first one's position; whoever searches by the first goes on."""
    index, rows = built
    for _ in range(20):
        allowed = np.random.default_rng(4).random(len(rows)) < 0.5
        with ThreadPoolExecutor(4) as pool:
            visits = [pool.submit(index.visit, query, 10, Effort(8, 256), allowed) for query in rows[:16]]
            found = [visit.result() for visit in visits]
        assert all(allowed[positions].all() for positions in found)


def test_threads_find_the_same(built: tuple[FastIndex, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    index, rows = built
    alone = [set(index.search(query, 10, None).tolist()) for query in rows[:50]]
    monkeypatch.setattr(indexes, "_MANY", 1)
    used = []
    monkeypatch.setattr(indexes, "threads", lambda faiss, count: used.append(count) or threads(faiss, count))
    with threads(import_faiss(), 3):
        shared = [set(index.search(query, 10, None).tolist()) for query in rows[:50]]
    assert used == [3] * 50
    same = sum(len(a & b) for a, b in zip(alone, shared, strict=True)) / sum(map(len, alone))
    assert same > 0.99, "but for ties of the coarse codes"
