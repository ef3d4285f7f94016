"""Where the marks of the time strip, a timeline and the calibration curve stand.

All in units of a viewBox that is stretched to its place; words stand beside it in HTML, so that they keep
their size on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stca.gallery.records import Record
from stca.gallery.times import is_date
from stca.web.pages.shown.words import utc_offset

WIDTH = 1000
BINS = 80
LEAST_WIDTH = 7.0
"""Of a sighting: it can be hit by a finger, and seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Strip:
    """When people were seen.

    Args:
        first, last: seconds at its ends.
        bars: on a height of 100; a taller one for more tracklets.
        offset: seconds that the server's time zone is ahead of UTC.

    """

    first: float
    last: float
    bars: tuple[Bar, ...]
    offset: float = 0.0

    def place(self, seconds: float) -> float:
        """Where a time stands, from 0 to `WIDTH`."""
        share = (seconds - self.first) / (self.last - self.first)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 2)

    def chosen(self, first: float | None, last: float | None) -> tuple[float, float]:
        """Left end and width of a range of time; an open end is the strip's."""
        left = 0.0 if first is None else self.place(first)
        right = float(WIDTH) if last is None else self.place(last)
        return left, max(right - left, 0.0)


def strip(records: Sequence[Record]) -> Strip | None:
    """A histogram of sightings over time; None where fewer than two moments are known.

    Where some have dates and others only times within their videos, the dates count.
    """
    spans = [(r.first, r.last) for r in records if r.first is not None and r.last is not None]
    if any(is_date(first) for first, _ in spans):
        spans = [each for each in spans if is_date(each[0])]
    if not spans or (first := min(a for a, _ in spans)) >= (last := max(b for _, b in spans)):
        return None
    counts = [0] * BINS
    for a, b in spans:
        low, high = (min(int((t - first) / (last - first) * BINS), BINS - 1) for t in (a, b))
        for place in range(low, high + 1):
            counts[place] += 1
    most, width = max(counts), WIDTH / BINS
    bars = tuple(
        Bar(round(place * width + 1, 2), round(100 - 100 * n / most, 2), width - 2, round(100 * n / most, 2))
        for place, n in enumerate(counts)
        if n
    )
    return Strip(first, last, bars, utc_offset(first))


@dataclass(frozen=True, slots=True)
class Sighting:
    """A tracklet on a timeline."""

    record: Record
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Sightings over several cameras by one clock.

    Args:
        clock: origin of the times; empty: dates, or one clock of all.
        first, last: seconds at its ends.
        rows: (camera, its sightings), in the order of first sight.
        ticks: seconds at equal distances, the ends among them.

    """

    clock: str
    first: float
    last: float
    rows: tuple[tuple[str, tuple[Sighting, ...]], ...]
    ticks: tuple[float, ...]


def timelines(records: Sequence[Record]) -> list[Timeline]:
    """One for each clock, in the order of the records; those without times are on none."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        if record.first is not None:
            groups.setdefault(record.clock, []).append(record)
    return [_timeline(clock, group) for clock, group in groups.items()]


def _timeline(clock: str, records: Sequence[Record]) -> Timeline:
    times = [(r.first or 0.0, r.last or 0.0) for r in records]
    first, last = min(a for a, _ in times), max(b for _, b in times)
    length = max(last - first, 1e-3)
    rows: dict[str, list[Sighting]] = {}
    for record, (a, b) in zip(records, times, strict=True):
        width = max((b - a) / length * WIDTH, LEAST_WIDTH)
        x = min((a - first) / length * WIDTH, WIDTH - width)
        rows.setdefault(record.camera, []).append(Sighting(record, round(max(x, 0.0), 2), round(width, 2)))
    ticks = tuple(first + length * k / 4 for k in range(5))
    return Timeline(clock, first, last, tuple((name, tuple(row)) for name, row in rows.items()), ticks)


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody at one camera, from one sighting to the last before another camera.

    Args:
        camera: its name.
        records: the sightings there, in time order.
        first, last: seconds; None: not known.
        gap: seconds since the step before; negative where they overlap; None: not comparable.

    """

    camera: str
    records: tuple[Record, ...]
    first: float | None
    last: float | None
    gap: float | None


def journey(records: Sequence[Record]) -> list[Step]:
    """How somebody went from camera to camera."""
    groups: list[list[Record]] = []
    for record in records:
        same = groups and (groups[-1][-1].camera, groups[-1][-1].clock) == (record.camera, record.clock)
        if same:
            groups[-1].append(record)
        else:
            groups.append([record])
    steps: list[Step] = []
    for group in groups:
        last = max((r.last for r in group if r.last is not None), default=None)
        before = steps[-1] if steps else None
        comparable = before is not None and before.records[-1].clock == group[0].clock
        gap = None
        if comparable and before is not None and before.last is not None and group[0].first is not None:
            gap = group[0].first - before.last
        steps.append(Step(group[0].camera, tuple(group), group[0].first, last, gap))
    return steps


def path_of(points: Sequence[tuple[float, float]], *, height: float) -> str:
    """The `d` of an SVG path through points of 0 to 1 in both directions, y upwards."""
    return " ".join(
        f"{'M' if number == 0 else 'L'}{x * WIDTH:.1f} {(1 - y) * height:.1f}"
        for number, (x, y) in enumerate(points)
    )
