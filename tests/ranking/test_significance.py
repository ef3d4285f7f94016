from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stca.errors import RankingError
from stca.ranking import RankMetrics, compare_runs, compare_table, mean_over_splits
from stca.ranking.bootstrap import bootstrap_mean


def metrics(ap, persons, *, keys=None, protocol="mars-B") -> RankMetrics:
    ap = np.asarray(ap, dtype=np.float64)
    return RankMetrics(
        protocol=protocol,
        metric="cosine",
        reranking=None,
        gallery_size=100,
        num_unanswerable=0,
        max_rank=20,
        average_precision=ap,
        first_match=np.where(ap > 0.5, 1, 7).astype(np.int64),
        inp=ap / 2,
        person_ids=np.asarray(persons, dtype=np.int64),
        keys=keys or tuple(f"q{i}" for i in range(len(ap))),
    )


def clustered(rng, persons=60, each=8):
    """Queries of one person succeed or fail together."""
    ids = np.repeat(np.arange(1, persons + 1), each)
    hard = rng.normal(size=persons)[ids - 1]
    return np.clip(0.6 + 0.15 * hard + 0.05 * rng.normal(size=len(ids)), 0, 1), ids


def test_bootstrap_equals_drawing_persons_one_by_one():
    rng = np.random.default_rng(0)
    values, ids = rng.random(40), rng.integers(1, 8, 40)
    people = np.unique(ids)
    means = []
    for _ in range(4000):
        drawn = rng.choice(people, len(people))
        means.append(np.concatenate([values[ids == person] for person in drawn]).mean())
    interval = bootstrap_mean(values, ids, resamples=4000)
    assert interval.estimate == pytest.approx(values.mean())
    np.testing.assert_allclose([interval.low, interval.high], np.quantile(means, [0.025, 0.975]), atol=0.01)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    over_persons = over_queries = 0
    for _ in range(200):
        values, ids = clustered(rng)
        interval = bootstrap_mean(values, ids, resamples=300)
        over_persons += interval.low <= 0.6 <= interval.high
        naive = bootstrap_mean(values, np.arange(len(ids)), resamples=300)
        over_queries += naive.low <= 0.6 <= naive.high
    assert 0.89 <= over_persons / 200 <= 0.99
    assert over_queries / 200 < 0.7  # why queries must not be resampled on their own


def test_seeded():
    run = metrics(*clustered(np.random.default_rng(0)))
    assert run.interval("mAP") == run.interval("mAP")
    assert run.interval("mAP") != run.interval("mAP", seed=1)


def test_one_person_has_no_interval():
    run = metrics([0.5, 1.0], [3, 3])
    assert np.isnan(run.interval("mAP").low)
    assert "(one person)" in run.table()
    assert run.json()["intervals"] == {}


def test_better_worse_and_noise():
    rng = np.random.default_rng(0)
    ap, ids = clustered(rng)
    base = metrics(ap, ids)
    better = compare_runs(base, metrics(np.clip(ap + 0.02 + 0.02 * rng.normal(size=len(ap)), 0, 1), ids))
    assert better.verdict == "better"
    assert better.p_value < 0.01
    assert better.difference.low > 0
    swapped = compare_runs(metrics(ap + 0.01, ids), base)
    assert swapped.verdict == "worse"
    same = compare_runs(base, base)
    assert (same.p_value, same.verdict) == (1.0, "within noise")
    assert "within noise" in str(same)


def test_the_test_cries_wolf_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    wolves = 0
    for _ in range(200):
        ap, ids = clustered(rng)
        shift = 0.05 * rng.normal(size=61)[ids]
        wolves += (
            compare_runs(metrics(ap, ids), metrics(ap + shift, ids), resamples=400).verdict != "within noise"
        )
    assert wolves / 200 < 0.12


def test_queries_are_matched_by_key():
    ap, ids = clustered(np.random.default_rng(0))
    base = metrics(ap, ids)
    order = np.random.default_rng(1).permutation(len(ap))
    mixed = metrics(ap[order], ids[order], keys=tuple(f"q{i}" for i in order))
    comparison = compare_runs(base, mixed)
    assert comparison.difference.estimate == pytest.approx(0)
    assert comparison.p_value == 1.0


def test_other_queries_or_protocols_are_refused():
    a = metrics([0.5, 1.0], [3, 4])
    with pytest.raises(RankingError, match="different protocols"):
        compare_runs(a, replace(a, protocol="mars-A"))
    with pytest.raises(RankingError, match="same queries"):
        compare_runs(a, replace(a, keys=("q0", "q7")))
    with pytest.raises(RankingError, match="same queries"):
        compare_runs(a, replace(a, person_ids=np.array([3, 5])))
    with pytest.raises(RankingError, match="same queries"):
        compare_runs(replace(a, keys=None), metrics([0.5], [3]))


def test_tables_name_the_protocol():
    run = metrics([0.5, 1.0, 0.25], [3, 4, 5])
    assert "mars-B" in run.table()
    assert "mars-B" in repr(run)
    assert "58.33" in run.table()
    table = compare_table({"mine": run, "yours": replace(run, protocol="mars-A")})
    assert "mars-A" in table
    assert table.count("\n") == 2
    assert compare_table([("mine", run), ("mine", run)]).count("mine") == 2


def test_a_table_of_models_says_what_is_noise():
    ap, ids = clustered(np.random.default_rng(0))
    run = metrics(ap, ids, protocol="mars-A-no-distractors")
    wide = replace(run, gallery_size=1_000_000)
    long = "a/very/long/path/to/a/run/of/mine"
    table = compare_table({"a" * 22: run, long: wide, "c": metrics([0.5], [3])})
    lines = table.splitlines()
    assert lines.pop(2) == long
    assert max(map(len, lines)) < 120
    assert len({len(line) for line in lines}) == 1  # columns stay columns
    for figure in ("rank-1", "mAP"):
        interval = run.interval(figure)
        half = 50 * (interval.high - interval.low)
        assert f"{100 * run.value(figure):.2f} ±{half:.1f}" in lines[1]
    assert lines[1].count("±") == 2
    assert "±" not in lines[3]  # one person alone says nothing about chance


def test_mean_over_splits():
    runs = [metrics([a, 1.0], [1, 2], protocol="prid2011") for a in (0.2, 0.4, 0.6)]
    over = mean_over_splits(runs)
    assert over.mean["mAP"] == pytest.approx(0.7)
    assert over.deviation["mAP"] == pytest.approx(0.1)
    assert "prid2011" in over.table()
    assert over.json()["num_splits"] == 3
    assert f"2 queries scored, gallery {runs[0].gallery_size}" in over.table()
    other = replace(runs[0], gallery_size=runs[0].gallery_size + 3)
    assert (
        f"gallery {runs[0].gallery_size} to {other.gallery_size}" in mean_over_splits([*runs, other]).table()
    )
    with pytest.raises(RankingError, match="one protocol"):
        mean_over_splits([*runs, metrics([0.1], [1])])
    with pytest.raises(RankingError, match="no runs"):
        mean_over_splits([])
