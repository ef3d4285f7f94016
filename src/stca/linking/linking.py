"""Link tracklets of one person across cameras and time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32

from stca.errors import ConfigError, GalleryError, RankingError
from stca.gallery.corrections import Correction, Resolved, resolve
from stca.gallery.corrections.resolving import statements
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record
from stca.linking.camera_shift import without_camera_shift
from stca.linking.clustering import average_linkage, cosine_distances
from stca.linking.constraints import (
    Travel,
    cameras_with_several_clocks,
    forbid_impossible,
    least_seconds,
    sightings,
)
from stca.linking.threshold import default_threshold


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
        hidden: keys of tracklets that people have hidden; they are of no person.
        corrected: number of corrections by people that bound it.
        left_out: those of them that contradict newer ones, and do not count in that.
        log: state of the gallery's corrections at that time (`Gallery.log_state`).
        origin: where the threshold is from, in words.

    """

    persons: tuple[tuple[Record, ...], ...]
    threshold: float
    hidden: tuple[str, ...] = ()
    corrected: int = 0
    left_out: tuple[Correction, ...] = ()
    log: tuple[int, int] | None = None
    origin: str = "given"

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

    What vectors of a camera have in common is taken away before (`without_camera_shift`).
    Corrections by people (`stca.linking.persons`) bind the result, as `link` says.

    Args:
        gallery: earlier persons are replaced.
        threshold: as `link`; None: the gallery's, if people had a say in it (labels, corrections); else from
            people seen at once among the tracklets that are not hidden, and from public sets
            (`default_threshold`); else the gallery's from tracklets cut in two.
        travel: as `link`.

    Raises:
        NoThresholdError: none is given or known.
        GalleryError: an empty gallery, a read-only one, or one in which people correct persons all the while.
        RankingError: too many tracklets.
        ConfigError: a threshold out of range.

    """
    for last in (False, False, True):
        linking = find_persons(gallery, threshold=threshold, travel=travel)
        try:
            store_persons(gallery, linking)
            break
        except CorrectedMeanwhileError:
            if last:
                raise
    return linking


class NoThresholdError(GalleryError):
    """Nothing says from which score on tracklets are one person."""


class CorrectedMeanwhileError(GalleryError):
    """People have corrected persons between the reading and the writing of a linking."""


def store_persons(gallery: Gallery, linking: Linking) -> None:
    """Write the persons of a linking into its gallery.

    Raises:
        CorrectedMeanwhileError: people have corrected persons since it was computed; nothing is written.
        GalleryError: a tracklet was removed since, or a read-only gallery.

    """
    persons: dict[str, int | None] = {**linking.numbers(), **dict.fromkeys(linking.hidden)}
    if not gallery.set_persons(persons, log=linking.log):
        raise CorrectedMeanwhileError(
            "Somebody corrected persons while they were linked",
            expected="no correction meanwhile; nothing was written",
            where=gallery.where,
            hint="link again",
        )


def find_persons(
    gallery: Gallery, *, threshold: float | None = None, travel: Travel | None = None
) -> Linking:
    """As `link_gallery`, without writing to the gallery."""
    log, corrections, hidden = gallery.log_state(), gallery.corrections(), gallery.hidden()
    records, vectors = gallery.table()
    seen = np.array([record.key not in hidden for record in records], dtype=bool)
    if not seen.any():
        found = "only hidden tracklets" if records else "an empty gallery"
        raise GalleryError("There is nothing to link", found=found, where=gallery.where)
    shown = [record for record in records if record.key not in hidden]
    vectors, origin = vectors[seen], "given"
    if threshold is None:
        threshold, origin = _gallery_threshold(gallery, shown, vectors)
    resolved = resolve(corrections)
    shifted = without_camera_shift([record.camera for record in shown], vectors)
    linking = link(shown, shifted, threshold=threshold, travel=travel, corrections=resolved)
    return replace(
        linking,
        origin=origin,
        hidden=tuple(sorted(hidden)),
        corrected=len(statements(corrections)) - len(resolved.left_out),
        left_out=resolved.left_out,
        log=log,
    )


def _gallery_threshold(
    gallery: Gallery, records: Sequence[Record], vectors: Float[np.ndarray, "N D"]
) -> tuple[float, str]:
    """From what people said; else people seen at once and public sets; else halves of tracklets."""
    stored = gallery.calibration()
    if stored is not None and stored.by_people:
        return stored.threshold, f"the gallery's calibration, from {stored.origin}"
    if found := default_threshold(records, vectors, gallery.fingerprint, source=gallery.source):
        return found
    if stored is not None:
        return stored.threshold, f"the gallery's calibration, from {stored.origin}"
    raise NoThresholdError(
        "This gallery has no threshold yet",
        expected="a calibrated or a given threshold, or more people whom one camera sees at once",
        where=gallery.where,
        hint="stca calibrate, or --threshold X",
    )


def link(
    records: Sequence[Record],
    vectors: Float[np.ndarray, "N D"],
    *,
    threshold: float,
    travel: Travel | None = None,
    corrections: Resolved | None = None,
) -> Linking:
    """Group tracklets into persons by average linkage.

    Vectors are compared as they are given; `link_gallery` gives them `without_camera_shift`.
    The two groups with the largest mean cosine between their tracklets are merged, repeatedly, until it falls
    below `threshold`. Never in one group are tracklets of one camera that overlap in time, and tracklets of
    two cameras that are closer in time than `travel` allows. Only times of one clock are compared
    (`clock_groups`). What people say overrules times: their groups are one person from the beginning, and
    nobody whom they told apart is in one group. The result does not depend on the order of the tracklets.

    Args:
        records: N, up to 40,000; memory grows with N squared (10,000: 1 GB, 10 s).
        vectors: (N, D), one per tracklet, of any length above 0.
        threshold: from -1 to 1.
        travel: minimum seconds between cameras; other pairs are unconstrained.
        corrections: from `stca.gallery.corrections.resolve`; keys that `records` lacks are ignored.

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
    distances = cosine_distances(vectors)
    _forbid_by_times(distances, records, travel)
    together = _bind(distances, records, corrections or Resolved())
    labels = average_linkage(distances, threshold=1 - threshold, together=together)
    groups: dict[int, list[Record]] = {}
    # By time, so that the result does not depend on the order of the tracklets.
    for row in sorted(range(len(records)), key=lambda row: by_time(records[row])):
        groups.setdefault(int(labels[row]), []).append(records[row])
    return Linking(tuple(map(tuple, groups.values())), threshold)


def _forbid_by_times(
    distances: Float32[np.ndarray, "N N"], records: Sequence[Record], travel: Travel | None
) -> None:
    """Pairs that cannot be one person get an infinite distance."""
    where, clocks = [record.camera for record in records], [record.clock for record in records]
    cameras = sorted(set(where))
    seen = sightings(records)
    if travel and (several := cameras_with_several_clocks(where, clocks)):
        warnings.warn(
            f"{', '.join(several)}: several videos of unknown start (stca track --start); travel times "
            "to other cameras are not applied to them",
            stacklevel=3,
        )
    forbid_impossible(distances, seen, least_seconds(travel, cameras) if travel else None)


def _bind(
    distances: Float32[np.ndarray, "N N"], records: Sequence[Record], corrections: Resolved
) -> list[list[int]]:
    """Pairs that people told apart get an infinite distance; the rows of those they joined are returned.

    A pair stands for all pairs between the groups of its keys; the first rows suffice, since a group is one
    cluster from the beginning.
    """
    row = {record.key: index for index, record in enumerate(records)}
    together = [[row[key] for key in group if key in row] for group in corrections.groups]
    first = {
        key: rows[0]
        for group, rows in zip(corrections.groups, together, strict=True)
        if rows
        for key in group
    }
    for pair in corrections.apart:
        a, b = (first.get(key, row.get(key)) for key in pair)
        if a is not None and b is not None:
            distances[a, b] = distances[b, a] = np.inf
    return together


def by_time(record: Record) -> tuple[float, str, str]:
    """Sort key: the time order of a person's tracklets; those without times come last."""
    return np.inf if record.first is None else record.first, record.camera, record.key
