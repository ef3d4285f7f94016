"""Scores of a ranking with confidence intervals and the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from stca.errors import RankingError
from stca.ranking.bootstrap import Interval, bootstrap_mean
from stca.ranking.measures import cmc_curve

Figure = Literal["rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"]
FIGURES: tuple[Figure, ...] = ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")
WITH_INTERVAL: tuple[Figure, ...] = ("rank-1", "mAP", "mINP")
"""Figures shown with their interval in the table of one result."""
_COMPARED: tuple[Figure, ...] = ("rank-1", "mAP")  # with their interval in a line of `compare_table`
_LONGEST = 22  # label that stands in its line, which is then shorter than 120


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RankMetrics:
    """CMC, mAP and mINP under one named protocol. Everything is a fraction of 1.

    Args:
        protocol: the protocol's name.
        metric: "cosine", "euclidean", or what the distances were.
        reranking: a description of the re-ranking, or None.
        gallery_size: number of gallery rows without junk, with the queries if the protocol adds them.
        num_unanswerable: number of queries without an answer: not scored, or scored 0, by the protocol.
        max_rank: length of `cmc`.
        average_precision: (Q,) of each scored query.
        first_match: (Q,) rank of its first answer, from 1; 0: none.
        inp: (Q,) number of answers by the rank of the last (Ye et al. 2021: inverse negative penalty).
        person_ids: (Q,) of the scored queries.
        keys: of the scored queries, or None.
        computed_by: runtime and precision of the queries' vectors; empty: unknown.

    """

    protocol: str
    metric: str
    reranking: str | None
    gallery_size: int
    num_unanswerable: int
    max_rank: int
    average_precision: Float64[np.ndarray, " Q"]
    first_match: Int64[np.ndarray, " Q"]
    inp: Float64[np.ndarray, " Q"]
    person_ids: Int64[np.ndarray, " Q"]
    keys: tuple[str, ...] | None
    computed_by: str = ""

    @property
    def num_queries(self) -> int:
        """Number of scored queries."""
        return len(self.average_precision)

    @property
    def mean_ap(self) -> float:
        """Mean average precision."""
        return float(self.average_precision.mean())

    @property
    def mean_inp(self) -> float:
        """Mean inverse negative penalty."""
        return float(self.inp.mean())

    @property
    def cmc(self) -> Float64[np.ndarray, " K"]:
        """(max_rank,) fraction of queries with an answer among the first k rows."""
        return cmc_curve(self.first_match, max_rank=self.max_rank)

    def per_query(self, figure: Figure) -> Float64[np.ndarray, " Q"]:
        """The values of the scored queries whose mean is the figure.

        Raises:
            RankingError: no such figure.

        """
        if figure == "mAP":
            return self.average_precision
        if figure == "mINP":
            return self.inp
        if figure not in FIGURES:
            raise RankingError(f"There is no figure {figure!r}", expected="one of " + ", ".join(FIGURES))
        within = int(figure.removeprefix("rank-"))
        return ((self.first_match > 0) & (self.first_match <= within)).astype(np.float64)

    def value(self, figure: Figure) -> float:
        """The figure, as a fraction of 1."""
        return float(self.per_query(figure).mean())

    def interval(
        self, figure: Figure, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
    ) -> Interval:
        """The figure with its bootstrap interval over query identities."""
        return bootstrap_mean(
            self.per_query(figure), self.person_ids, confidence=confidence, resamples=resamples, seed=seed
        )

    def table(self) -> str:
        """Human-readable: protocol, sizes, and figures in percent with intervals."""
        lines = [
            f"protocol {self.protocol}, {self._how()}: {self.num_queries} queries scored "
            f"({self.num_unanswerable} without an answer), gallery {self.gallery_size}"
        ]
        for figure in FIGURES:
            line = f"  {figure:<8}{100 * self.value(figure):>7.2f} %"
            if figure in WITH_INTERVAL:
                interval = self.interval(figure)
                low, high = 100 * interval.low, 100 * interval.high
                line += f"   95% over persons: {low:.2f} to {high:.2f}" if low == low else "   (one person)"
            lines.append(line)
        lines += [f"  vectors in {self.computed_by}"] if self.computed_by else []
        return "\n".join(lines)

    def json(self) -> dict[str, object]:
        """Plain types for `json.dump`; fractions of 1."""
        intervals = {figure: self.interval(figure) for figure in WITH_INTERVAL}
        return {
            "protocol": self.protocol,
            "metric": self.metric,
            "reranking": self.reranking,
            "computed_by": self.computed_by,
            "gallery_size": self.gallery_size,
            "num_queries": self.num_queries,
            "num_unanswerable": self.num_unanswerable,
            "mean_ap": self.mean_ap,
            "mean_inp": self.mean_inp,
            "cmc": self.cmc.tolist(),
            "intervals": {f: [i.low, i.high] for f, i in intervals.items() if i.low == i.low},
            "confidence": 0.95,
        }

    def _how(self) -> str:
        return self.metric if self.reranking is None else f"{self.metric}, {self.reranking}"

    def __repr__(self) -> str:
        figures = ", ".join(f"{f} {100 * self.value(f):.2f}" for f in ("rank-1", "mAP"))
        return f"RankMetrics({self.protocol}, {self._how()}: {figures}, {self.num_queries} queries)"


def compare_table(runs: Mapping[str, RankMetrics] | Sequence[tuple[str, RankMetrics]]) -> str:
    """One line per labelled result, with its protocol; figures in percent.

    Rank-1 and mAP have half the width of their 95% interval over persons; `compare_runs` is the sharper,
    paired test. Labels longer than 22 characters are on a line of their own.
    """
    rows = list(runs.items()) if isinstance(runs, Mapping) else list(runs)
    width = max([10, *(len(label) for label, _ in rows if len(label) <= _LONGEST)]) + 1
    named = max([8, *(len(m.protocol) for _, m in rows)])
    head = f"{'':<{width}}{'protocol':<{named}}{'queries':>8}{'gallery':>8}"
    lines = [head + "".join(f"{figure:>{_room(figure)}}" for figure in FIGURES)]
    for label, m in rows:
        if len(label) > _LONGEST:
            lines.append(label)
            label = ""
        figures = "".join(f"{_compared(m, figure):>{_room(figure)}}" for figure in FIGURES)
        lines.append(f"{label:<{width}}{m.protocol:<{named}}{m.num_queries:>8}{m.gallery_size:>8}{figures}")
    return "\n".join(lines)


def _room(figure: Figure) -> int:
    return 13 if figure in _COMPARED else 8


def _compared(metrics: RankMetrics, figure: Figure) -> str:
    text = f"{100 * metrics.value(figure):.2f}"
    if figure not in _COMPARED:
        return text
    interval = metrics.interval(figure)
    half = 50 * (interval.high - interval.low)
    return f"{text} ±{half:<4.1f}" if half == half else f"{text}      "  # one person: no interval


@dataclass(frozen=True, slots=True)
class SplitMetrics:
    """Mean and standard deviation of every figure over the splits of a data set.

    Args:
        protocol: the protocol's name.
        num_splits: number of splits.
        num_queries: fewest and most queries scored in a split.
        gallery_size: fewest and most gallery rows of a split.
        mean: of each figure, as a fraction of 1.
        deviation: of each figure over splits.

    """

    protocol: str
    num_splits: int
    num_queries: tuple[int, int]
    gallery_size: tuple[int, int]
    mean: Mapping[Figure, float]
    deviation: Mapping[Figure, float]

    def table(self) -> str:
        """Human-readable: figures in percent, mean +- standard deviation over splits."""
        lines = [
            f"protocol {self.protocol}: mean +- standard deviation over {self.num_splits} splits, each with "
            f"{_span(self.num_queries)} queries scored, gallery {_span(self.gallery_size)}"
        ]
        lines += [f"  {f:<8}{100 * self.mean[f]:>7.2f} +- {100 * self.deviation[f]:.2f} %" for f in FIGURES]
        return "\n".join(lines)

    def json(self) -> dict[str, object]:
        """Plain types; fractions of 1."""
        return {
            "protocol": self.protocol,
            "num_splits": self.num_splits,
            "num_queries": list(self.num_queries),
            "gallery_size": list(self.gallery_size),
            "mean": dict(self.mean),
            "deviation": dict(self.deviation),
        }


def _span(numbers: tuple[int, int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]} to {numbers[1]}"


def mean_over_splits(runs: Sequence[RankMetrics]) -> SplitMetrics:
    """The mean over splits, as iLIDS-VID and PRID2011 are reported; sample standard deviation beside it.

    Raises:
        RankingError: no runs, or runs under different protocols.

    """
    names = sorted({run.protocol for run in runs})
    if len(names) != 1:
        raise RankingError(
            "A mean over splits needs runs under one protocol",
            expected="one protocol",
            found=names or "no runs",
        )
    values = {figure: np.array([run.value(figure) for run in runs]) for figure in FIGURES}
    queries, galleries = [run.num_queries for run in runs], [run.gallery_size for run in runs]
    return SplitMetrics(
        protocol=names[0],
        num_splits=len(runs),
        num_queries=(min(queries), max(queries)),
        gallery_size=(min(galleries), max(galleries)),
        mean={figure: float(v.mean()) for figure, v in values.items()},
        deviation={figure: float(v.std(ddof=1)) if len(runs) > 1 else 0.0 for figure, v in values.items()},
    )
