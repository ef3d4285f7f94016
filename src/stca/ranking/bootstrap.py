"""Bootstrap intervals over persons, since queries of one person are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

_RESAMPLES_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval over the choice of query persons.

    Args:
        estimate: as measured.
        low: lower end; NaN if there is only one person.
        high: upper end.
        confidence: of the interval, such as 0.95.

    """

    estimate: float
    low: float
    high: float
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{100 * self.estimate:.2f} [{100 * self.low:.2f}, {100 * self.high:.2f}]"


def resampled_means(
    values: Float64[np.ndarray, " Q"], persons: Int64[np.ndarray, " Q"], *, resamples: int, seed: int
) -> Float64[np.ndarray, " R"]:
    """The mean of `values` in each of many resamples of the persons, drawn with replacement.

    A drawn person comes with all its queries (cluster bootstrap: Davison and Hinkley, *Bootstrap Methods and
    their Application*, 1997, section 3.8).
    """
    _, group = np.unique(persons, return_inverse=True)
    sums, counts = np.bincount(group, weights=values), np.bincount(group).astype(np.float64)
    rng = np.random.default_rng(seed)
    chances = np.full(len(counts), 1 / len(counts))
    means = np.empty(resamples)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        part = means[start : start + _RESAMPLES_AT_ONCE]
        drawn = rng.multinomial(len(counts), chances, size=len(part)).astype(np.float64)
        part[:] = (drawn @ sums) / (drawn @ counts)
    return means


def bootstrap_mean(
    values: Float64[np.ndarray, " Q"],
    persons: Int64[np.ndarray, " Q"],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The mean over queries with its percentile interval over persons."""
    estimate = float(values.mean())
    if len(np.unique(persons)) < 2:
        return Interval(estimate, float("nan"), float("nan"), confidence)
    means = resampled_means(values, persons, resamples=resamples, seed=seed)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high), confidence)
