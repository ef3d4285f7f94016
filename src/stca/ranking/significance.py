"""Whether the difference of two runs is significant over the choice of query persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64

from stca.errors import RankingError
from stca.ranking.bootstrap import Interval, bootstrap_mean, resampled_means
from stca.ranking.metrics import Figure, RankMetrics


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of a run with a baseline on the same queries.

    Args:
        figure: the figure compared, such as "mAP".
        baseline: value of the first run, as a fraction of 1.
        other: value of the second run.
        difference: second minus first, with its interval over persons.
        p_value: two-sided, from the fraction of resamples with a difference of the opposite sign.
        verdict: of the second run; "within noise" if the p value is not below 1 - confidence.

    """

    figure: Figure
    baseline: float
    other: float
    difference: Interval
    p_value: float
    verdict: Literal["better", "worse", "within noise"]

    def __str__(self) -> str:
        d = self.difference
        return (
            f"{self.figure} {100 * self.baseline:.2f} -> {100 * self.other:.2f}: {100 * d.estimate:+.2f} "
            f"[{100 * d.low:+.2f}, {100 * d.high:+.2f}], p = {self.p_value:.4f}, {self.verdict}"
        )


def compare_runs(
    baseline: RankMetrics,
    other: RankMetrics,
    *,
    figure: Figure = "mAP",
    confidence: float = 0.95,
    resamples: int = 5000,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap over query identities of the difference of two runs on the same queries.

    It covers the choice of query persons. Two trainings of one recipe also differ by their seeds, which only
    several trainings can measure.

    Raises:
        RankingError: different queries, or different protocols.

    """
    order = _same_queries(baseline, other)
    gain = other.per_query(figure)[order] - baseline.per_query(figure)
    persons = baseline.person_ids
    difference = bootstrap_mean(gain, persons, confidence=confidence, resamples=resamples, seed=seed)
    p_value = 1.0
    if gain.any() and len(np.unique(persons)) > 1:
        means = resampled_means(gain, persons, resamples=resamples, seed=seed)
        rarer = min((means <= 0).sum(), (means >= 0).sum())
        p_value = min(1.0, 2 * (1 + float(rarer)) / (1 + resamples))
    verdict: Literal["better", "worse", "within noise"] = "within noise"
    if p_value < 1 - confidence:
        verdict = "better" if difference.estimate > 0 else "worse"
    return Comparison(figure, baseline.value(figure), other.value(figure), difference, p_value, verdict)


def _same_queries(a: RankMetrics, b: RankMetrics) -> Int64[np.ndarray, " Q"]:
    """Position in b of each query of a."""
    if a.protocol != b.protocol:
        raise RankingError(
            "Runs under different protocols cannot be compared", expected=a.protocol, found=b.protocol
        )
    order = np.arange(b.num_queries)
    if a.keys is not None and b.keys is not None:
        place = {key: i for i, key in enumerate(b.keys)}
        shared = [place[key] for key in a.keys if key in place]
        if len(shared) == a.num_queries:
            order = np.array(shared, dtype=np.int64)
    else:
        shared = list(order)
    fits = len(shared) == a.num_queries == b.num_queries
    if not fits or (a.person_ids != b.person_ids[order]).any():
        raise RankingError(
            "A paired test needs the same queries in both runs",
            expected=f"{a.num_queries} queries",
            found=f"{b.num_queries} queries, of which {len(shared)} are the same",
        )
    return order
