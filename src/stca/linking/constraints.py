"""Cannot-link constraints: tracklets that one camera saw at once, or follow too soon in another camera."""

from __future__ import annotations

import csv
import itertools
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from stca.errors import ConfigError
from stca.gallery.records import Record, share_time

Travel = Mapping[tuple[str, str], float]
"""Minimum travel time in seconds between two cameras, in both directions."""

_BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Cameras and times of tracklets.

    Args:
        cameras: (N,) camera numbers, from 0.
        first, last: (N,) seconds; NaN: unknown, which forbids nothing.
        clocks: (N,) clock numbers; only times of one clock are compared. None: one clock for all.

    Raises:
        ConfigError: lengths that differ, or a tracklet that ends before it begins.

    """

    cameras: Int64[np.ndarray, " N"]
    first: Float64[np.ndarray, " N"]
    last: Float64[np.ndarray, " N"]
    clocks: Int64[np.ndarray, " N"] | None = None

    def __post_init__(self) -> None:
        clocks = self.first if self.clocks is None else self.clocks
        lengths = {len(self.cameras), len(self.first), len(self.last), len(clocks)}
        if len(lengths) != 1:
            raise ConfigError("Cameras and times must have equal lengths", found=sorted(lengths))
        if (self.first > self.last).any():
            row = int(np.flatnonzero(self.first > self.last)[0])
            raise ConfigError(
                "A tracklet ends before it begins", found=f"{self.first[row]} to {self.last[row]}"
            )


def sightings(records: Sequence[Record]) -> Sightings:
    """Cameras, by their sorted names, times and comparable clocks (`clock_groups`) of tracklets."""
    where, clocks = [record.camera for record in records], [record.clock for record in records]
    number = {camera: index for index, camera in enumerate(sorted(set(where)))}
    return Sightings(
        np.array([number[camera] for camera in where], dtype=np.int64),
        np.array([_seconds(record.first) for record in records], dtype=np.float64),
        np.array([_seconds(record.last) for record in records], dtype=np.float64),
        clock_groups(where, clocks),
    )


def _seconds(time: float | None) -> float:
    return np.nan if time is None else time


def forbid_impossible(
    distances: Float32[np.ndarray, "N N"], seen: Sightings, least: Float64[np.ndarray, "C C"] | None = None
) -> None:
    """Set the distance of pairs that cannot be one person to infinity, in place.

    Args:
        distances: (N, N).
        seen: cameras and times.
        least: (cameras, cameras) minimum seconds between two sightings of one person; -inf: unknown.
            Tracklets that one camera saw at once (`at_once`) are forbidden in any case.

    """
    for start in range(0, len(distances), _BLOCK):
        rows = slice(start, start + _BLOCK)
        forbidden = at_once(seen, rows)
        if least is not None:
            # From the end of the earlier one to the beginning of the later one; below 0 they overlap.
            gap = np.maximum(
                seen.first[rows, None] - seen.last[None, :], seen.first[None, :] - seen.last[rows, None]
            )
            soon = gap < least[seen.cameras[rows, None], seen.cameras[None, :]]
            forbidden |= soon if seen.clocks is None else soon & (seen.clocks[rows, None] == seen.clocks)
        distances[rows][forbidden] = np.inf


def at_once(seen: Sightings, rows: slice) -> Bool[np.ndarray, "n N"]:
    """Which tracklets one camera saw at the same time (`share_time`), so that they are different people.

    Args:
        seen: cameras and times of N tracklets.
        rows: n of them, which are compared with all.

    """
    found = share_time(seen.first[rows, None], seen.last[rows, None], seen.first, seen.last)
    found &= seen.cameras[rows, None] == seen.cameras
    if seen.clocks is not None:
        found &= seen.clocks[rows, None] == seen.clocks
    return found


def seen_at_once(some: Iterable[Record], others: Iterable[Record]) -> tuple[Record, Record] | None:
    """Two tracklets that one camera saw at the same time, one of each; None: there are none."""
    pairs = itertools.product(some, others)
    return next(((one, other) for one, other in pairs if one.overlaps(other)), None)


def clock_groups(cameras: Sequence[str], clocks: Sequence[str]) -> Int64[np.ndarray, " N"]:
    """Numbers of comparable clocks, from `Record.camera` and `Record.clock`.

    POSIX time is number 0. Cameras with one video of unknown start each are assumed to have started together
    (number 1). If a camera has several such videos, each is a clock of its own.
    """
    several = cameras_with_several_clocks(cameras, clocks)
    numbers: dict[tuple[str, str], int] = {}
    for camera, clock in zip(cameras, clocks, strict=True):
        together = len(numbers) + 2 if camera in several else 1
        numbers.setdefault((camera, clock), together if clock else 0)
    found = [numbers[pair] for pair in zip(cameras, clocks, strict=True)]
    return np.array(found, dtype=np.int64)


def cameras_with_several_clocks(cameras: Sequence[str], clocks: Sequence[str]) -> list[str]:
    """Cameras with several videos of unknown start."""
    videos = Counter(camera for camera, clock in set(zip(cameras, clocks, strict=True)) if clock)
    return sorted(camera for camera, count in videos.items() if count > 1)


def least_seconds(travel: Travel, cameras: list[str]) -> Float64[np.ndarray, "C C"]:
    """Travel times as a matrix over `cameras`; -inf: unknown."""
    number = {camera: index for index, camera in enumerate(cameras)}
    if unknown := sorted({name for pair in travel for name in pair if name not in number}):
        warnings.warn(
            f"travel times of cameras that the gallery does not have: {', '.join(unknown)}", stacklevel=2
        )
    least = np.full((len(cameras), len(cameras)), -np.inf)
    for (a, b), seconds in travel.items():
        if a in number and b in number:
            least[number[a], number[b]] = least[number[b], number[a]] = seconds
    return least


def read_travel(path: Path) -> dict[tuple[str, str], float]:
    """Read travel times: CSV lines `from,to,seconds`, valid in both directions; a header line is optional.

    Raises:
        ConfigError: the file cannot be read, an invalid line, or a pair with two different times.

    """
    travel: dict[tuple[str, str], float] = {}
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError("Cannot read travel times", found=error, where=path) from error
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and [cell.strip() for cell in row] == ["from", "to", "seconds"]):
            continue
        try:
            first, second, text = (cell.strip() for cell in row)
            seconds = float(text)
            if not 0 <= seconds < np.inf:
                raise ValueError
        except ValueError:
            raise ConfigError(
                "Invalid travel time",
                expected="from,to,seconds: two cameras and a number from 0",
                found=",".join(row),
                where=f"{path}:{number}",
            ) from None
        pair = (min(first, second), max(first, second))
        if travel.setdefault(pair, seconds) != seconds:
            raise ConfigError(
                "Two different travel times for one pair of cameras",
                found=",".join(row),
                where=f"{path}:{number}",
            )
    return travel
