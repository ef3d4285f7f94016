"""Link tracklets of one person across cameras and time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from stca.errors import ConfigError, GalleryError, RankingError
from stca.gallery.cross_camera import calibrate_across
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record
from stca.linking.clustering import average_linkage, cosine_distances
from stca.linking.constraints import (
    Travel,
    cameras_with_several_clocks,
    forbid_impossible,
    least_seconds,
    sightings,
)
from stca.linking.threshold import threshold_of_pairs


@dataclass(frozen=True, slots=True)
class Appearance:
    """A person in one camera: first and last time in seconds (as in `Record`), and number of tracklets.

    A camera with several videos of unknown start has one for each, since their times cannot be compared.
    """

    person: int
    camera: str
    first: float | None
    last: float | None
    tracklets: int


@dataclass(frozen=True, slots=True)
class Linking:
    """The persons that tracklets were grouped into.

    Args:
        persons: the tracklets of each person in time order; persons in the order of their first appearance,
            numbered from 1.
        threshold: minimum mean cosine at which two groups were merged.

    """

    persons: tuple[tuple[Record, ...], ...]
    threshold: float

    def numbers(self) -> dict[str, int]:
        """Person number, from 1, by tracklet key."""
        return {record.key: number for number, group in self.numbered() for record in group}

    def numbered(self) -> Iterator[tuple[int, tuple[Record, ...]]]:
        """(number, tracklets) of each person; numbers from 1."""
        return enumerate(self.persons, start=1)

    def appearances(self) -> list[Appearance]:
        """First and last time per person, camera and clock, ordered by person, then by time."""
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
    """Group a gallery's tracklets into persons, and store the persons in it.

    Args:
        gallery: earlier persons are replaced.
        threshold: as `link`; None: the gallery's, if `stca calibrate` found one; else from people seen at
            once (`threshold_of_pairs`), else from public sets (`calibrate_across`).
        travel: as `link`.

    Raises:
        GalleryError: no threshold given or calibrated, an empty gallery, or a read-only one.
        RankingError: too many tracklets.
        ConfigError: a threshold out of range.

    """
    linking = find_persons(gallery, threshold=threshold, travel=travel)
    gallery.set_persons(linking.numbers())
    return linking


def find_persons(
    gallery: Gallery, *, threshold: float | None = None, travel: Travel | None = None
) -> Linking:
    """As `link_gallery`, without writing to the gallery."""
    records, vectors = gallery.table()
    if not records:
        raise GalleryError("There is nothing to link", found="an empty gallery", where=gallery.path)
    if threshold is None:
        threshold = _default_threshold(gallery, records, vectors)
    return link(records, vectors, threshold=threshold, travel=travel)


def _default_threshold(
    gallery: Gallery, records: Sequence[Record], vectors: Float[np.ndarray, "N D"]
) -> float:
    """A threshold of public sets, which `stca find` stores, is for single searches: the last resort."""
    stored = gallery.calibration()
    if stored is not None and stored.method != "cross-camera sets":
        return stored.threshold
    if (threshold := threshold_of_pairs(records, vectors)) is not None:
        return threshold
    stored = stored or calibrate_across(gallery.fingerprint, far=0.01, rows=len(records))
    if stored is None:
        raise GalleryError(
            "This gallery has no threshold yet",
            expected="a calibrated or a given threshold, or more people whom one camera sees at once",
            where=gallery.path,
            hint="stca calibrate, or --threshold X",
        )
    return stored.threshold


def link(
    records: Sequence[Record],
    vectors: Float[np.ndarray, "N D"],
    *,
    threshold: float,
    travel: Travel | None = None,
) -> Linking:
    """Group tracklets into persons by average linkage.

    The two groups with the largest mean cosine between their tracklets are merged, repeatedly, until it falls
    below `threshold`. Never in one group are tracklets of one camera that overlap in time, and tracklets of
    two cameras that are closer in time than `travel` allows. Only times of one clock are compared
    (`clock_groups`). The result does not depend on the order of the tracklets.

    Args:
        records: N, up to 40,000; memory grows with N squared (10,000: 1 GB, 10 s).
        vectors: (N, D), one per tracklet, of any length above 0.
        threshold: from -1 to 1.
        travel: minimum seconds between cameras; other pairs are unconstrained.

    Raises:
        RankingError: different numbers of tracklets and vectors, a zero vector, too many tracklets.
        ConfigError: a threshold out of range.

    """
    if len(records) != len(vectors):
        raise RankingError(
            "Numbers of tracklets and vectors differ",
            expected=f"{len(records)} vectors",
            found=len(vectors),
        )
    if not -1 <= threshold <= 1:
        raise ConfigError(
            "A linking threshold is a cosine", expected="a number from -1 to 1", found=threshold
        )
    where, clocks = [record.camera for record in records], [record.clock for record in records]
    cameras = sorted(set(where))
    seen = sightings(records)
    if travel and (several := cameras_with_several_clocks(where, clocks)):
        warnings.warn(
            f"{', '.join(several)}: several videos of unknown start (stca track --start); travel times "
            "to other cameras are not applied to them",
            stacklevel=2,
        )
    distances = cosine_distances(vectors)
    forbid_impossible(distances, seen, least_seconds(travel, cameras) if travel else None)
    labels = average_linkage(distances, threshold=1 - threshold)
    groups: dict[int, list[Record]] = {}
    # By time, so that the result does not depend on the order of the tracklets.
    for row in sorted(range(len(records)), key=lambda row: _by_time(records[row])):
        groups.setdefault(int(labels[row]), []).append(records[row])
    return Linking(tuple(map(tuple, groups.values())), threshold)


def _by_time(record: Record) -> tuple[float, str, str]:
    return np.inf if record.first is None else record.first, record.camera, record.key
