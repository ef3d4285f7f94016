"""Linking: which tracklets are one person, across cameras and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float

from stca.errors import ConfigError, RankingError
from stca.gallery.clustering import average_linkage, cosine_distances
from stca.gallery.constraints import Sightings, Travel, forbid, least_seconds

_SINCE_1970 = 1e8
"""Times from here on are POSIX seconds (1973 and later), those below are seconds of a video."""


class Seen(Protocol):
    """A tracklet as a gallery records it; `first` and `last` are seconds, None where nobody knows."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def camera(self) -> str: ...  # noqa: D102
    @property
    def first(self) -> float | None: ...  # noqa: D102
    @property
    def last(self) -> float | None: ...  # noqa: D102
    @property
    def folder(self) -> Path: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Linked:
    """One tracklet, and the person it was given: 1, 2, ... in the order of their first appearance."""

    key: str
    camera: str
    first: float | None
    last: float | None
    folder: Path
    person: int


@dataclass(frozen=True, slots=True)
class Stay:
    """What one camera saw of one person: from when to when, in how many tracklets."""

    person: int
    camera: str
    first: float | None
    last: float | None
    tracklets: int


@dataclass(frozen=True, slots=True)
class Linking:
    """Who was found.

    Args:
        tracklets: by person, then by time.
        threshold: the least mean cosine that made two groups one person.

    """

    tracklets: tuple[Linked, ...]
    threshold: float

    @property
    def persons(self) -> dict[int, tuple[Linked, ...]]:
        """The tracklets of every person."""
        groups: dict[int, list[Linked]] = {}
        for tracklet in self.tracklets:
            groups.setdefault(tracklet.person, []).append(tracklet)
        return {person: tuple(group) for person, group in groups.items()}

    def stays(self) -> list[Stay]:
        """First and last seen per person and camera, by person, then by time."""
        found = []
        for person, group in self.persons.items():
            for camera in dict.fromkeys(tracklet.camera for tracklet in group):
                mine = [tracklet for tracklet in group if tracklet.camera == camera]
                first = [t.first for t in mine if t.first is not None]
                last = [t.last for t in mine if t.last is not None]
                found.append(
                    Stay(person, camera, min(first, default=None), max(last, default=None), len(mine))
                )
        return found


def link(
    tracklets: Sequence[Seen],
    vectors: Float[np.ndarray, "N D"],
    *,
    threshold: float,
    travel: Travel | None = None,
) -> Linking:
    """Group tracklets into persons by average linkage.

    The two groups with the largest mean cosine between their tracklets become one, again and again, until it
    falls below `threshold`. Two tracklets that one camera saw at the same moment never come together, nor do
    those that would have needed to be faster than `travel` says; that holds for all pairs of a group. The
    order of the tracklets changes nothing.

    Args:
        tracklets: up to 40,000; memory grows with the square of their number (10,000: 1 GB, 10 s).
        vectors: (N, D), one per tracklet, of any length above 0.
        threshold: from -1 to 1.
        travel: least seconds between cameras; pairs that are not in it are free.

    Raises:
        RankingError: numbers of tracklets and vectors that differ, a vector of zeros, too many.
        ConfigError: a threshold out of its range.

    """
    if len(tracklets) != len(vectors):
        raise RankingError(
            "Tracklets and vectors belong together one to one",
            expected=f"{len(tracklets)} vectors",
            found=len(vectors),
        )
    if not -1 <= threshold <= 1:
        raise ConfigError("A threshold is a cosine", expected="a number from -1 to 1", found=threshold)
    cameras = sorted({tracklet.camera for tracklet in tracklets})
    seen = Sightings(
        np.array([cameras.index(tracklet.camera) for tracklet in tracklets], dtype=np.int64),
        np.array([_number(tracklet.first) for tracklet in tracklets], dtype=np.float64),
        np.array([_number(tracklet.last) for tracklet in tracklets], dtype=np.float64),
    )
    distances = cosine_distances(vectors)
    forbid(distances, seen, least_seconds(travel, cameras) if travel else None)
    labels = average_linkage(distances, threshold=1 - threshold)
    # By time, so that nothing depends on the order in which tracklets came.
    order = sorted(range(len(tracklets)), key=lambda row: _by_time(tracklets[row]))
    numbers: dict[int, int] = {}
    linked = []
    for row in order:
        t, person = tracklets[row], numbers.setdefault(int(labels[row]), len(numbers) + 1)
        linked.append(Linked(t.key, t.camera, t.first, t.last, t.folder, person))
    return Linking(tuple(sorted(linked, key=lambda tracklet: tracklet.person)), threshold)


def _number(seconds: float | None) -> float:
    return np.nan if seconds is None else seconds


def _by_time(tracklet: Seen) -> tuple[float, str, str]:
    return np.inf if tracklet.first is None else tracklet.first, tracklet.camera, tracklet.key


def when(seconds: float | None) -> str:
    """A time for people: minutes and seconds of a video, or date and time (UTC); `-` if unknown."""
    if seconds is None:
        return "-"
    if seconds >= _SINCE_1970:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes}:{rest / 10:04.1f}"
