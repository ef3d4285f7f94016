"""Scores as strangers are added to the gallery: rows that are nobody's answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from stca.distance import Metric
from stca.errors import RankingError
from stca.protocols import Protocol, find_protocol
from stca.ranking.answers import Pairs
from stca.ranking.counting import count_before
from stca.ranking.metric_learning import LearnedMetric
from stca.ranking.metrics import Figure, RankMetrics
from stca.ranking.rank_gallery import ROWS_AT_ONCE, count_answers, gallery_blocks
from stca.tools.progress import progress
from stca.tracklets import Embeddings

CURVES: tuple[Figure, ...] = ("rank-1", "mAP")
"""The figures that are followed."""
MOST_DISTRACTORS = 10**9
"""More would be drawn for days, and are more likely a slip of the keyboard."""
_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Distractors:
    """Vectors of strangers, made or read block by block.

    Args:
        description: what they are, printed with the scores.
        available: how many there are; None: as many as wanted.
        blocks: called with a number of rows, gives so many in blocks, (n, D) each. The first rows are the
            same for every number.

    """

    description: str
    available: int | None
    blocks: Callable[[int], Iterable[Float[np.ndarray, "n D"]]]

    @classmethod
    def of(cls, strangers: Embeddings, description: str, *, seed: int = 0) -> Distractors:
        """The vectors of other people's tracklets, in an order drawn by `seed`."""
        order = np.random.default_rng(seed).permutation(len(strangers))

        def blocks(count: int) -> Iterator[Float32[np.ndarray, "n D"]]:
            for part in _parts(min(count, len(order))):
                yield strangers.vectors[order[part.start : part.stop]]

        return cls(description, len(strangers), blocks)

    @classmethod
    def like(cls, gallery: Embeddings, *, seed: int = 0) -> Distractors:
        """Vectors drawn from the normal distribution with the mean and covariance of a gallery's rows.

        People who look alike come in clusters and a normal distribution has none, so real strangers may be
        harder than drawn ones.

        Raises:
            RankingError: fewer than two rows that are not junk.

        """
        rows = gallery.vectors[gallery.person_ids >= 0].astype(np.float64)
        if len(rows) < 2:
            raise RankingError(
                "Distractors are drawn in the likeness of the gallery",
                expected="at least two gallery rows that are not junk",
                found=len(rows),
            )
        mean = rows.mean(axis=0)
        variances, axes = np.linalg.eigh(np.cov(rows, rowvar=False).reshape(len(mean), len(mean)))
        factor = (axes * np.sqrt(variances.clip(0))).T.astype(np.float32)

        def blocks(count: int) -> Iterator[Float32[np.ndarray, "n D"]]:
            rng = np.random.default_rng(seed)
            for part in _parts(count):
                yield (
                    mean.astype(np.float32)
                    + rng.standard_normal((len(part), len(mean)), dtype=np.float32) @ factor
                )

        words = f"drawn from a normal distribution like the gallery's {len(rows)} rows, seed {seed}"
        return cls(words, None, blocks)


@dataclass(frozen=True, slots=True)
class DistractorCurve:
    """Scores by the number of distractors.

    Args:
        description: what the distractors are.
        sizes: their numbers, rising.
        metrics: the scores with each.

    """

    description: str
    sizes: tuple[int, ...]
    metrics: tuple[RankMetrics, ...]

    def rows(self) -> list[dict[str, object]]:
        """One row per number: fractions of 1, with 95 % intervals over persons (None: one person)."""
        rows: list[dict[str, object]] = []
        for size, each in zip(self.sizes, self.metrics, strict=True):
            row: dict[str, object] = {"distractors": size, "gallery": each.gallery_size}
            for figure in CURVES:
                interval = each.interval(figure)
                known = interval.low == interval.low
                row |= {
                    figure: interval.estimate,
                    f"{figure} low": interval.low if known else None,
                    f"{figure} high": interval.high if known else None,
                }
            rows.append(row)
        return rows

    def table(self) -> str:
        """One line per number of distractors; percent."""
        first = self.metrics[0]
        lines = [
            f"protocol {first.protocol}, {first.metric}: {first.num_queries} queries scored; distractors: "
            f"{self.description}",
            f"  {'distractors':>11}{'gallery':>11}   "
            + "   ".join(f"{figure + ', 95% over persons':<25}" for figure in CURVES).rstrip(),
        ]
        for size, each in zip(self.sizes, self.metrics, strict=True):
            cells = "   ".join(f"{each.interval(figure)!s:<25}" for figure in CURVES)
            lines.append(f"  {size:>11,}{each.gallery_size:>11,}   {cells}".rstrip())
        return "\n".join(lines)


def rank_with_distractors(
    query: Embeddings,
    gallery: Embeddings,
    distractors: Distractors,
    sizes: Sequence[int],
    *,
    metric: Metric | LearnedMetric = "cosine",
    protocol: str | Protocol = "cross-camera",
    max_rank: int = 50,
    label: str | None = None,
) -> DistractorCurve:
    """`rank` with each number of distractors added to the gallery; with 0 it is `rank`.

    One pass over the distractors, of which one block of 16,384 is in memory. The ranking is exact.

    Args:
        query: as of `rank`.
        gallery: likewise.
        distractors: rows of which no person is queried.
        sizes: numbers of distractors; any order, and each once in the result, in rising order.
        metric: as of `rank`.
        protocol: likewise.
        max_rank: likewise.
        label: name of the progress display; None: no display.

    Raises:
        RankingError: as of `rank`; a protocol without distractors; fewer of them than wanted; more than
            `MOST_DISTRACTORS`.

    """
    if isinstance(metric, LearnedMetric):
        learned = metric
        changed = dataclasses.replace(
            distractors,
            blocks=lambda count: (
                learned.transform(block).astype(np.float32) for block in distractors.blocks(count)
            ),
        )
        both = learned.transformed(query), learned.transformed(gallery)
        curve = rank_with_distractors(
            *both, changed, sizes, metric="euclidean", protocol=protocol, max_rank=max_rank, label=label
        )
        named = tuple(dataclasses.replace(each, metric=learned.name) for each in curve.metrics)
        return dataclasses.replace(curve, metrics=named)
    protocol = find_protocol(protocol)
    _check(distractors, sizes, protocol)
    counts = count_answers(query, gallery_blocks(gallery), metric=metric, protocol=protocol)
    results: list[RankMetrics] = []
    base, before, done = counts.gallery_size, counts.before, 0
    stops = sorted(set(sizes))
    for block in _cut(distractors.blocks(stops[-1]), stops, label=label):
        if len(block):
            _check_dimension(block, query)
            before = before + count_before(counts.distances, counts.answers, [(block, _of_nobody())])
        done += len(block)
        if done == stops[len(results)]:
            here = dataclasses.replace(counts, before=before, gallery_size=base + done)
            scored = here.score(protocol, max_rank=max_rank)
            results.append(dataclasses.replace(scored, computed_by=query.computed_by))
    return DistractorCurve(distractors.description, tuple(stops), tuple(results))


def _of_nobody() -> Pairs:
    return Pairs(_NOBODY, _NOBODY, _NOBODY.astype(bool))


def _parts(count: int) -> Iterator[range]:
    """The numbers from 0 to `count`, divided into blocks."""
    return (range(s, min(s + ROWS_AT_ONCE, count)) for s in range(0, count, ROWS_AT_ONCE))


def _cut(
    blocks: Iterable[Float[np.ndarray, "n D"]], stops: Sequence[int], *, label: str | None
) -> Iterator[Float[np.ndarray, "m D"]]:
    """The blocks, divided so that one ends at every stop; an empty one first, for a stop at 0."""
    yield np.empty((0, 0), dtype=np.float32)
    done = 0
    total = -(-stops[-1] // ROWS_AT_ONCE)
    for block in progress(blocks, label=label, total=total) if label else blocks:
        places = [stop - done for stop in stops if done < stop < done + len(block)]
        yield from np.split(block, places)
        done += len(block)


def _check(distractors: Distractors, sizes: Sequence[int], protocol: Protocol) -> None:
    if not sizes or min(sizes) < 0:
        raise RankingError("Numbers of distractors are whole numbers from 0", found=list(sizes))
    if max(sizes) > MOST_DISTRACTORS:
        raise RankingError(
            "So many distractors are not ranked",
            expected=f"at most {MOST_DISTRACTORS:,}",
            found=f"{max(sizes):,}",
        )
    if protocol.distractors == "drop":
        raise RankingError(
            f"Protocol {protocol.name!r} removes distractors from the gallery",
            expected="a protocol that keeps them",
        )
    if distractors.available is not None and max(sizes) > distractors.available:
        raise RankingError(
            "There are not so many distractors",
            expected=f"at most {distractors.available:,}",
            found=f"{max(sizes):,}",
            where=distractors.description,
            hint="give more rows, or let them be drawn in the likeness of the gallery",
        )


def _check_dimension(block: Float[np.ndarray, "n D"], query: Embeddings) -> None:
    if block.ndim != 2 or block.shape[1] != query.vectors.shape[1]:
        raise RankingError(
            "Queries and distractors have vectors of different length",
            expected=f"D = {query.vectors.shape[1]}, as the queries",
            found=block.shape,
            hint="embed both with the same model",
        )
