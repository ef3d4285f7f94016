"""What so many cameras for so many days need, with the formula beside each figure, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stca.errors import ConfigError
from stca.gallery.embedded import EXACT_VALUES
from stca.scale.planning.costs import GalleryCost, UnitCosts

T = TypeVar("T", int, float)
BUSY = 0.7
"""Share of its time that a machine is planned to work."""
MEMORY = 64e9
"""Of a machine that holds a gallery, bytes; half of it is planned for vectors and index."""
STREAM = 4.0
"""Megabits a second of a camera's stream: assumed, since cameras are set to it."""

BASES = ("measured", "told", "sampled", "interpolated", "extrapolated", "assumed")
"""What figures rest on. Told: by the user. Sampled: on the number of tracklets in the measured footage.
Interpolated: between measured sizes. Extrapolated: beyond them."""
_MOST = 1e9
"""Of cameras, days, and tracklets an hour."""
FEW = 1.0
"""Hours of footage below which the output says that they are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is to be done.

    Args:
        cameras: number of cameras.
        days: that tracklets are kept.
        hours: of video a day and camera.
        tracklets_per_hour: of video; None: as in the measured footage.
        detector: None: the first that was measured.

    Raises:
        ConfigError: a number that is not positive, or more than 24 hours a day.

    """

    cameras: int
    days: float
    hours: float = 24.0
    tracklets_per_hour: float | None = None
    detector: str | None = None

    def __post_init__(self) -> None:
        rate = 1.0 if self.tracklets_per_hour is None else self.tracklets_per_hour
        numbers = self.cameras, self.days, self.hours, rate
        if not all(0 < number <= _MOST for number in numbers) or self.hours > 24:  # NaN neither
            expected = f"above 0 and up to {_MOST:,.0f}, and at most 24 hours a day"
            raise ConfigError("These numbers cannot be planned with", expected=expected, found=self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure of a plan.

    Args:
        name: what it is.
        value: its value.
        unit: of the value.
        formula: how it was computed, with the numbers.
        basis: what it rests on: "measured", or those of `BASES` that are weaker, with commas between.

    """

    name: str
    value: float
    unit: str
    formula: str
    basis: str

    def line(self) -> str:
        """For people."""
        weak = "" if self.basis == "measured" else f"  [{self.basis}]"
        return f"  {self.name:<26}{number(self.value):>12} {self.unit:<14} = {self.formula}{weak}"


def plan(work: Workload, costs: UnitCosts) -> list[Estimate]:
    """All figures, in the order of the data: video, tracklets, vectors, gallery, machines, network.

    Raises:
        ConfigError: a detector that was not measured.

    """
    tracking = costs.of_detector(work.detector)
    video = work.cameras * work.hours
    rate = work.tracklets_per_hour or costs.tracklets_per_hour
    sampled, source = ("told", "as told") if work.tracklets_per_hour else ("sampled", footage_of(costs))
    daily = video * rate
    track, embed = video * tracking.core_seconds / 3600, daily * costs.embed_core_seconds / 3600
    rows = daily * work.days
    machines = max(1, math.ceil((track + embed) / (24 * costs.cores * BUSY)))
    hours = number(video)
    tracking_words = (
        f"{hours} h x {number(tracking.core_seconds)} s of a core an hour "
        f"({tracking.detector}, {costs.frame_rate:g} frames/s) / 3,600"
    )
    embedding_words = (
        f"{number(daily)} tracklets x {number(costs.embed_core_seconds)} s of a core ({costs.model}) / 3,600"
    )
    vectors_words = f"{number(rows)} x {costs.dim} x 4 bytes"
    crops_words = f"{number(rows)} x {number(costs.crop_bytes)} bytes a tracklet"
    machines_words = (
        f"({number(track)} + {number(embed)}) core hours / (24 h x {costs.cores} cores x {BUSY:g}), "
        "rounded up"
    )
    return [
        Estimate("video a day", video, "h", f"{work.cameras:,} cameras x {work.hours:g} h", "told"),
        Estimate(
            "tracklets a day", daily, "", f"{hours} h x {number(rate)} tracklets an hour ({source})", sampled
        ),
        Estimate("tracking a day", track, "core hours", tracking_words, "measured"),
        Estimate("embedding a day", embed, "core hours", embedding_words, sampled),
        Estimate("vectors", rows, "", f"{number(daily)} a day x {work.days:g} days", sampled),
        Estimate("vectors alone", rows * costs.dim * 4 / 1e9, "GB", vectors_words, sampled),
        Estimate("crops on disk", rows * costs.crop_bytes / 1e9, "GB", crops_words, sampled),
        *_gallery(rows, costs, sampled),
        Estimate(
            "machines, track and embed",
            machines,
            f"of {costs.cores} cores",
            machines_words,
            _all_of(sampled, "assumed"),
        ),
        *_machines_and_network(work, rows, daily, costs, sampled),
    ]


def footage_of(costs: UnitCosts) -> str:
    """How much was measured, for people."""
    hours = costs.tracking[0].hours
    length = f"{number(hours * 3600)} s" if hours < FEW else f"{number(hours)} h"
    return f"{costs.tracklets_per_hour * hours:.0f} tracklets in {length} of footage"


def _all_of(*bases: str) -> str:
    """What a figure rests on that rests on all of these."""
    found = {word for each in bases for word in each.split(", ")}
    return ", ".join(word for word in BASES[1:] if word in found) or BASES[0]


def _gallery(rows: float, costs: UnitCosts, sampled: str) -> list[Estimate]:
    sizes = costs.gallery
    wanted: list[tuple[str, str, float, Callable[[GalleryCost], float]]] = [
        ("adding all", "core hours", 3600, lambda g: g.add_seconds),
        ("building the index", "core hours", 3600, lambda g: g.index_seconds),
        ("one search", "ms of a core", 1, lambda g: g.search_milliseconds),
    ]
    estimates = []
    for name, values in (
        ("gallery on disk", [(g.rows, g.disk_bytes) for g in sizes]),
        ("gallery in memory", [(g.rows, g.memory_bytes) for g in sizes]),
    ):
        value, words, basis = bytes_at_size(rows, values, costs.dim)
        estimates.append(Estimate(name, value / 1e9, "GB", words, _all_of(sampled, basis)))
    for name, unit, scale, of in wanted:
        value, words, basis = at_size(rows, [(g.rows, of(g)) for g in sizes])
        estimates.append(Estimate(name, value / scale, unit, words, _all_of(sampled, basis)))
    return estimates


def bytes_at_size(rows: float, points: Sequence[tuple[int, int]], dim: int) -> tuple[float, str, str]:
    """Bytes at a number of rows, on straight lines between measured points: so many, and so many more a row.

    Beyond the points the nearest line goes on, with at least the bytes of a vector for each row, and at most
    those that a row of the nearest point takes: a gallery without rows takes no less than nothing.

    Args:
        rows: number of rows.
        points: rows, rising, and bytes, which are at least those of the vectors.
        dim: numbers of a vector, of 4 bytes.

    Returns:
        The bytes, the formula, and "measured", "interpolated" or "extrapolated".

    """
    for size, value in points:
        if size == rows:
            return value, f"measured at {size:,} rows", "measured"
    (low, small), (high, large) = _neighbours(rows, points)
    each = (large - small) / (high - low)
    size, value = (high, large) if rows > high else (low, small)
    inside = low < rows < high
    if not inside:
        each = min(max(each, 4.0 * dim), value / size)
    fixed = value - each * size
    words = f"{number(round(fixed) / 1e6)} MB + {number(rows)} rows x {number(each)} bytes"
    return fixed + each * rows, words, "interpolated" if inside else "extrapolated"


def at_size(rows: float, points: Sequence[tuple[int, float]]) -> tuple[float, str, str]:
    """A time at a number of rows, on straight lines between measured points on logarithmic scales.

    Beyond the points the nearest line goes on. Beyond the largest it rises no faster than the rows. Where it
    would fall, as from an exact index to an approximate one, it says nothing, and time grows as the rows do.

    Returns:
        The time, the formula, and "measured", "interpolated" or "extrapolated".

    """
    for size, value in points:
        if size == rows:
            return value, f"measured at {size:,} rows", "measured"
    (low, small), (high, large) = _neighbours(rows, points)
    slope = math.log(max(large, 1e-12) / max(small, 1e-12)) / math.log(high / low)
    inside = low < rows < high
    if rows > high:
        slope = min(slope, 1.0) if slope > 0 else 1.0
        start, base = high, large
    else:
        start, base = low, small
    value = base * (rows / start) ** slope
    words = f"{number(base)} at {start:,} rows x ({number(rows)} / {start:,})^{slope:.2f}"
    return value, words, "interpolated" if inside else "extrapolated"


def _neighbours(rows: float, points: Sequence[tuple[int, T]]) -> tuple[tuple[int, T], tuple[int, T]]:
    """The two measured points around a size, or the two next to it."""
    above = next((i for i, (size, _) in enumerate(points) if size > rows), len(points) - 1)
    return points[max(above, 1) - 1], points[max(above, 1)]


def _machines_and_network(
    work: Workload, rows: float, daily: float, costs: UnitCosts, sampled: str
) -> list[Estimate]:
    memory, _, basis = bytes_at_size(rows, [(g.rows, g.memory_bytes) for g in costs.gallery], costs.dim)
    holders = max(1, math.ceil(memory / (MEMORY / 2)))
    sharing = daily * (costs.crop_bytes + 4 * costs.dim) * 8 / 86_400 / 1e6
    kind = "of 64 GB" if holders == 1 else "of 64 GB (Milvus)"
    return [
        Estimate(
            "machines, gallery",
            holders,
            kind,
            f"{number(memory / 1e9)} GB / half of {MEMORY / 1e9:.0f} GB, rounded up",
            _all_of(sampled, basis, "assumed"),
        ),
        Estimate(
            "network, cameras in",
            work.cameras * STREAM * work.hours / 24,
            "Mbit/s",
            f"{work.cameras:,} cameras x {STREAM:g} Mbit/s x {work.hours:g} / 24 h",
            "assumed",
        ),
        Estimate(
            "network, crops on",
            sharing,
            "Mbit/s",
            f"{number(daily)} a day x ({number(costs.crop_bytes)} + 4 x {costs.dim}) bytes x 8 / 86,400 s",
            sampled,
        ),
    ]


def table(work: Workload, costs: UnitCosts) -> str:
    """The plan, and how search grows with the gallery, for people."""
    few = ""
    if costs.tracking[0].hours < FEW:
        few = (
            ": few, and figures marked sampled may be far from what your cameras see; "
            "give --tracklets-per-hour, or measure with hours of --footage"
        )
    lines = [
        f"plan: {work.cameras:,} cameras, {work.days:g} days",
        f"  unit costs: {costs.machine}",
        f"  footage: {costs.footage}",
        f"  measured on {footage_of(costs)}{few}",
        *(estimate.line() for estimate in plan(work, costs)),
        "",
        f"  {'vectors':>13}{'search, ms of a core':>22}{'recall@10':>11}{'index, s':>10}",
    ]
    lines += [
        f"  {g.rows:>13,}{g.search_milliseconds:>22.2f}{g.recall:>11.3f}{g.index_seconds:>10.1f}  measured"
        for g in costs.gallery
    ]
    lines.append(
        f"  the curve bends at {EXACT_VALUES // costs.dim:,} vectors: up to there search is exact and "
        "grows with them, beyond it is approximate"
    )
    points = [(g.rows, g.search_milliseconds) for g in costs.gallery]
    for rows in (10**7, 10**8):
        if rows > points[-1][0]:
            value = at_size(rows, points)[0]
            lines.append(f"  {rows:>13,}{value:>22.2f}{'?':>11}{'':>10}  extrapolated: measure first")
    return "\n".join(lines)


def number(value: float) -> str:
    """With separators, and three digits where it is small."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"
