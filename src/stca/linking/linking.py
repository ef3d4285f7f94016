"""Linking: which tracklets are one person, across cameras and time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from stca.errors import ConfigError, GalleryError, RankingError
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record
from stca.linking.clustering import average_linkage, cosine_distances
from stca.linking.constraints import (
    Sightings,
    Travel,
    cameras_with_several_clocks,
    clock_groups,
    forbid_impossible,
    least_seconds,
)


@dataclass(frozen=True, slots=True)
class Appearance:
    """What one camera saw of one person: from when to when (seconds, as in `Record`), and how often.

    Of a camera with several videos whose starts nobody knows, one for each: their times do not compare.
    """

    person: int
    camera: str
    first: float | None
    last: float | None
    tracklets: int


@dataclass(frozen=True, slots=True)
class Linking:
    """Who was found.

    Args:
        persons: everybody's tracklets in the order of time; persons in the order of their first appearance.
            The first one is person 1.
        threshold: the least mean cosine that made two groups one person.

    """

    persons: tuple[tuple[Record, ...], ...]
    threshold: float

    def numbers(self) -> dict[str, int]:
        """Key of a tracklet to the number of its person, from 1."""
        return {record.key: number for number, group in self.numbered() for record in group}

    def numbered(self) -> Iterator[tuple[int, tuple[Record, ...]]]:
        """Persons with their numbers, from 1."""
        return enumerate(self.persons, start=1)

    def appearances(self) -> list[Appearance]:
        """First and last seen per person, camera and clock, by person, then by time."""
        found = []
        for number, group in self.numbered():
            for camera, clock in dict.fromkeys((record.camera, record.clock) for record in group):
                mine = [record for record in group if (record.camera, record.clock) == (camera, clock)]
                first = [record.first for record in mine if record.first is not None]
                last = [record.last for record in mine if record.last is not None]
                found.append(
                    Appearance(number, camera, min(first, default=None), max(last, default=None), len(mine))
                )
        return found


def link_gallery(
    gallery: Gallery, *, threshold: float | None = None, travel: Travel | None = None
) -> Linking:
    """Group a gallery's tracklets into persons, and write into it who they are.

    Args:
        gallery: what `set_persons` wrote before is replaced.
        threshold: as `link`; None takes the one that `stca calibrate` found.
        travel: as `link`.

    Raises:
        GalleryError: no threshold anywhere, an empty gallery, or one that cannot be written.
        RankingError: too many tracklets.
        ConfigError: a threshold out of its range.

    """
    linking = find_persons(gallery, threshold=threshold, travel=travel)
    gallery.set_persons(linking.numbers())
    return linking


def find_persons(
    gallery: Gallery, *, threshold: float | None = None, travel: Travel | None = None
) -> Linking:
    """As `link_gallery`, but nothing is written."""
    if threshold is None:
        calibration = gallery.calibration()
        if calibration is None:
            raise GalleryError(
                "This gallery has no threshold yet",
                expected="one from `stca calibrate`, or given",
                where=gallery.path,
                hint="stca calibrate, or --threshold X",
            )
        threshold = calibration.threshold
    records, vectors = gallery.table()
    if not records:
        raise GalleryError("There is nothing to link", found="an empty gallery", where=gallery.path)
    return link(records, vectors, threshold=threshold, travel=travel)


def link(
    records: Sequence[Record],
    vectors: Float[np.ndarray, "N D"],
    *,
    threshold: float,
    travel: Travel | None = None,
) -> Linking:
    """Group tracklets into persons by average linkage.

    The two groups with the largest mean cosine between their tracklets become one, again and again, until it
    falls below `threshold`. Two tracklets that one camera saw at the same moment never come together, nor do
    those that would have needed to be faster than `travel` says; that holds for all pairs of a group. Only
    times of one clock are compared (`clock_groups`). The order of the tracklets changes nothing.

    Args:
        records: up to 40,000; memory grows with the square of their number (10,000: 1 GB, 10 s).
        vectors: (N, D), one per tracklet, of any length above 0.
        threshold: from -1 to 1.
        travel: least seconds between cameras; pairs that are not in it are free.

    Raises:
        RankingError: numbers of tracklets and vectors that differ, a vector of zeros, too many.
        ConfigError: a threshold out of its range.

    """
    if len(records) != len(vectors):
        raise RankingError(
            "Tracklets and vectors belong together one to one",
            expected=f"{len(records)} vectors",
            found=len(vectors),
        )
    if not -1 <= threshold <= 1:
        raise ConfigError("A threshold is a cosine", expected="a number from -1 to 1", found=threshold)
    where, clocks = [record.camera for record in records], [record.clock for record in records]
    cameras = sorted(set(where))
    number = {camera: index for index, camera in enumerate(cameras)}
    seen = Sightings(
        np.array([number[camera] for camera in where], dtype=np.int64),
        np.array([_seconds(record.first) for record in records], dtype=np.float64),
        np.array([_seconds(record.last) for record in records], dtype=np.float64),
        clock_groups(where, clocks),
    )
    if travel and (several := cameras_with_several_clocks(where, clocks)):
        warnings.warn(
            f"{', '.join(several)}: several videos whose starts nobody knows (stca track --start); travel "
            "times to other cameras do not bind them",
            stacklevel=2,
        )
    distances = cosine_distances(vectors)
    forbid_impossible(distances, seen, least_seconds(travel, cameras) if travel else None)
    labels = average_linkage(distances, threshold=1 - threshold)
    groups: dict[int, list[Record]] = {}
    # By time, so that nothing depends on the order in which tracklets came.
    for row in sorted(range(len(records)), key=lambda row: _by_time(records[row])):
        groups.setdefault(int(labels[row]), []).append(records[row])
    return Linking(tuple(map(tuple, groups.values())), threshold)


def _seconds(time: float | None) -> float:
    return np.nan if time is None else time


def _by_time(record: Record) -> tuple[float, str, str]:
    return np.inf if record.first is None else record.first, record.camera, record.key
