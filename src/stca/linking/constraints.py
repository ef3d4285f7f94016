"""Who cannot be the same person: seen at the same time, or too soon after in another place."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from stca.errors import ConfigError

Travel = Mapping[tuple[str, str], float]
"""Seconds that the way from one camera to another takes at least, both ways."""

_BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Where and when tracklets were seen.

    Args:
        cameras: (N,) camera numbers, from 0.
        first, last: (N,) seconds; NaN where nobody knows, which forbids nothing.
        clocks: (N,) numbers of the clocks that these times are read from: only times of one clock are
            compared. None: all are of one.

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
            raise ConfigError("Cameras and times belong together one to one", found=sorted(lengths))
        if (self.first > self.last).any():
            row = int(np.flatnonzero(self.first > self.last)[0])
            raise ConfigError(
                "A tracklet ends before it begins", found=f"{self.first[row]} to {self.last[row]}"
            )


def forbid_impossible(
    distances: Float32[np.ndarray, "N N"], seen: Sightings, least: Float64[np.ndarray, "C C"] | None = None
) -> None:
    """Set the distance of every pair that cannot be one person to infinity, in place.

    Args:
        distances: (N, N).
        seen: where and when.
        least: (cameras, cameras) seconds between two sightings of one person at least; -inf where nothing is
            known. Within one camera two tracklets that share a moment are forbidden in any case.

    """
    for start in range(0, len(distances), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # From the end of the earlier one to the beginning of the later one; below 0 they overlap.
        gap = np.maximum(
            seen.first[rows, None] - seen.last[None, :], seen.first[None, :] - seen.last[rows, None]
        )
        forbidden = (seen.cameras[rows, None] == seen.cameras[None, :]) & (gap <= 0)
        if least is not None:
            forbidden |= gap < least[seen.cameras[rows, None], seen.cameras[None, :]]
        if seen.clocks is not None:
            forbidden &= seen.clocks[rows, None] == seen.clocks[None, :]
        distances[rows][forbidden] = np.inf


def clock_groups(cameras: Sequence[str], clocks: Sequence[str]) -> Int64[np.ndarray, " N"]:
    """Numbers of the clocks that can be compared, from `Record.camera` and `Record.clock`.

    Cameras with one video each, whose start nobody knows, are taken to have begun together (number 1). Where
    a camera has several, nobody knows which of them began with the others: each is a clock of its own.
    """
    several = cameras_with_several_clocks(cameras, clocks)
    numbers: dict[tuple[str, str], int] = {}
    for camera, clock in zip(cameras, clocks, strict=True):
        together = len(numbers) + 2 if camera in several else 1
        numbers.setdefault((camera, clock), together if clock else 0)
    found = [numbers[pair] for pair in zip(cameras, clocks, strict=True)]
    return np.array(found, dtype=np.int64)


def cameras_with_several_clocks(cameras: Sequence[str], clocks: Sequence[str]) -> list[str]:
    """Cameras with several videos whose starts nobody knows."""
    videos = Counter(camera for camera, clock in set(zip(cameras, clocks, strict=True)) if clock)
    return sorted(camera for camera, count in videos.items() if count > 1)


def least_seconds(travel: Travel, cameras: list[str]) -> Float64[np.ndarray, "C C"]:
    """Travel times as a matrix over `cameras`; -inf where none is given."""
    number = {camera: index for index, camera in enumerate(cameras)}
    if unknown := sorted({name for pair in travel for name in pair if name not in number}):
        warnings.warn(f"travel times of cameras that are not here: {', '.join(unknown)}", stacklevel=2)
    least = np.full((len(cameras), len(cameras)), -np.inf)
    for (a, b), seconds in travel.items():
        if a in number and b in number:
            least[number[a], number[b]] = least[number[b], number[a]] = seconds
    return least


def read_travel(path: Path) -> dict[tuple[str, str], float]:
    """Read travel times: lines `from,to,seconds`, which hold both ways, perhaps below these three words.

    Raises:
        ConfigError: the file cannot be read, a line is something else, or a pair has two different times.

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
                "This is no travel time",
                expected="from,to,seconds: two cameras and a number from 0",
                found=",".join(row),
                where=f"{path}:{number}",
            ) from None
        pair = (min(first, second), max(first, second))
        if travel.setdefault(pair, seconds) != seconds:
            raise ConfigError("Two travel times for one pair", found=",".join(row), where=f"{path}:{number}")
    return travel
