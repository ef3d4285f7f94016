"""What so many cameras for so many days need, with the formula beside each figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from stca.errors import ConfigError
from stca.gallery.embedded import EXACT_VALUES
from stca.scale.planning.costs import GalleryCost, UnitCosts

BUSY = 0.7
"""Share of its time that a machine is planned to work."""
MEMORY = 64 * 2**30
"""Of a machine that holds a gallery, bytes; half of it is planned for vectors and index."""
STREAM = 4.0
"""Megabits a second of a camera's stream: assumed, since cameras are set to it."""


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
        if min(self.cameras, self.days, self.hours, rate) <= 0 or self.hours > 24:
            raise ConfigError("A plan needs positive numbers, and at most 24 hours a day", found=self)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure of a plan.

    Args:
        name: what it is.
        value: its value.
        unit: of the value.
        formula: how it was computed, with the numbers.
        basis: "measured", "interpolated", "extrapolated" or "assumed": the weakest that it rests on.

    """

    name: str
    value: float
    unit: str
    formula: str
    basis: str = "measured"

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
    source = "as told" if work.tracklets_per_hour else "measured footage"
    daily = video * rate
    track, embed = video * tracking.core_seconds / 3600, daily * costs.embed_core_seconds / 3600
    rows = daily * work.days
    machines = max(1, math.ceil((track + embed) / (24 * costs.cores * BUSY)))
    estimates = [
        Estimate("video a day", video, "h", f"{work.cameras:,} cameras x {work.hours:g} h"),
        Estimate(
            "tracklets a day", daily, "", f"{number(video)} h x {number(rate)} tracklets an hour ({source})"
        ),
        Estimate(
            "tracking a day",
            track,
            "core hours",
            f"{number(video)} h x {number(tracking.core_seconds)} s of a core an hour "
            f"({tracking.detector}, {costs.frame_rate:g} frames/s) / 3,600",
        ),
        Estimate(
            "embedding a day",
            embed,
            "core hours",
            f"{number(daily)} tracklets x {number(costs.embed_core_seconds)} s of a core ({costs.model}) "
            "/ 3,600",
        ),
        Estimate("vectors", rows, "", f"{number(daily)} a day x {work.days:g} days"),
        Estimate(
            "vectors alone", rows * costs.dim * 4 / 1e9, "GB", f"{number(rows)} x {costs.dim} x 4 bytes"
        ),
        Estimate(
            "crops on disk",
            rows * costs.crop_bytes / 1e9,
            "GB",
            f"{number(rows)} x {number(costs.crop_bytes)} bytes a tracklet",
        ),
        *_gallery(rows, costs),
        Estimate(
            "machines, track and embed",
            machines,
            f"of {costs.cores} cores",
            f"({number(track)} + {number(embed)}) core hours / (24 h x {costs.cores} cores x {BUSY:g}), "
            "rounded up",
        ),
    ]
    return [*estimates, *_machines_and_network(work, rows, daily, costs)]


def _gallery(rows: float, costs: UnitCosts) -> list[Estimate]:
    sizes = costs.gallery
    wanted: list[tuple[str, str, float, Callable[[GalleryCost], float]]] = [
        ("gallery on disk", "GB", 1e9, lambda g: g.disk_bytes),
        ("gallery in memory", "GB", 1e9, lambda g: g.memory_bytes),
        ("adding all", "core hours", 3600, lambda g: g.add_seconds),
        ("building the index", "core hours", 3600, lambda g: g.index_seconds),
        ("one search", "ms of a core", 1, lambda g: g.search_milliseconds),
    ]
    estimates = []
    for name, unit, scale, of in wanted:
        value, words, basis = at_size(rows, [(g.rows, of(g)) for g in sizes])
        estimates.append(Estimate(name, value / scale, unit, words, basis))
    return estimates


def at_size(rows: float, points: list[tuple[int, float]]) -> tuple[float, str, str]:
    """A cost at a number of rows, on straight lines between measured points on logarithmic scales.

    Beyond the points the nearest line goes on, but not below the slope 0 beyond the largest.

    Returns:
        The cost, the formula, and "measured", "interpolated" or "extrapolated".

    """
    for size, value in points:
        if size == rows:
            return value, f"measured at {size:,} rows", "measured"
    above = next((i for i, (size, _) in enumerate(points) if size > rows), len(points) - 1)
    (low, small), (high, large) = points[max(above, 1) - 1], points[max(above, 1)]
    slope = math.log(max(large, 1e-12) / max(small, 1e-12)) / math.log(high / low)
    inside = points[0][0] <= rows <= points[-1][0]
    if rows > points[-1][0]:
        slope = max(slope, 0.0)
        start, base = points[-1]
    else:
        start, base = low, small
    value = base * (rows / start) ** slope
    words = f"{number(base)} at {start:,} rows x ({number(rows)} / {start:,})^{slope:.2f}"
    return value, words, "interpolated" if inside else "extrapolated"


def _machines_and_network(work: Workload, rows: float, daily: float, costs: UnitCosts) -> list[Estimate]:
    memory, _, basis = at_size(rows, [(g.rows, g.memory_bytes) for g in costs.gallery])
    holders = max(1, math.ceil(memory / (MEMORY / 2)))
    sharing = daily * (costs.crop_bytes + 4 * costs.dim) * 8 / 86_400 / 1e6
    kind = "of 64 GB" if holders == 1 else "of 64 GB (Milvus)"
    return [
        Estimate(
            "machines, gallery",
            holders,
            kind,
            f"{number(memory / 1e9)} GB / half of {MEMORY / 1e9:.0f} GB, rounded up",
            basis,
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
        ),
    ]


def table(work: Workload, costs: UnitCosts) -> str:
    """The plan, and how search grows with the gallery, for people."""
    lines = [
        f"plan: {work.cameras:,} cameras, {work.days:g} days",
        f"  unit costs: {costs.machine}",
        f"  footage: {costs.footage}",
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
