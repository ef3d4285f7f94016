"""Data classes of a gallery: records, hits, the results of `add` and `stats`; and who was seen at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from stca.errors import GalleryError

HANDOVER = 1.0
"""Seconds that two tracklets of one person may share, where a tracker goes over from one to the next."""
_ROUNDED = 0.002  # seconds that times may be off: side files keep thousandths, and frames are farther apart

Times = Float64[np.ndarray, "*#B"] | float


def share_time(first: Times, last: Times, other_first: Times, other_last: Times) -> Bool[np.ndarray, "*B"]:
    """Whether two spans of time have more in common than a handover.

    A handover is `HANDOVER` at most, and less than half of the shorter span.

    Args:
        first: seconds, here and below of any shapes that broadcast; NaN: unknown, which shares nothing.
        last: of the end.
        other_first: of the other ones.
        other_last: of the other ones' end.

    """
    shared = np.minimum(last, other_last) - np.maximum(first, other_first)
    shorter = np.minimum(np.subtract(last, first), np.subtract(other_last, other_first))
    handover = (shared <= HANDOVER) & (np.maximum(shared, 0) < shorter / 2)
    return np.asarray((shared >= -_ROUNDED) & ~handover)


@dataclass(frozen=True, slots=True)
class Record:
    """The metadata of one tracklet in a gallery.

    Args:
        key: unique in the gallery, usually "camera folder/tracklet folder".
        camera: the camera's name.
        first: time of the first frame in seconds: POSIX seconds if the video's start is known, else seconds
            since the video's beginning; None: unknown.
        last: time of the last frame; None together with `first`.
        person: identity assigned by linking (`Gallery.set_persons`), else the label; None: unknown.
        label: ground-truth identity given when the tracklet was added; None: unknown.
        folder: folder of its crops; None for an external vector.
        frames: number of crops that the vector was computed from.
        content: digest of the crops, by which `add` recognises unchanged tracklets; if empty, the digest of
            the vector is used.
        clock: origin of the times: empty for POSIX time, else the video whose beginning is 0. Times of
            different clocks are never compared.

    Raises:
        GalleryError: an empty key or camera, times that are not finite, or in the wrong order.

    """

    key: str
    camera: str
    first: float | None = None
    last: float | None = None
    person: int | None = None
    label: int | None = None
    folder: Path | None = None
    frames: int = 1
    content: str = ""
    clock: str = ""

    def __post_init__(self) -> None:
        if not self.key or not self.camera:
            raise GalleryError("A record needs a key and a camera", found=(self.key, self.camera))
        if (self.first is None) != (self.last is None):
            raise GalleryError("A record has both times or none", where=self.key)
        if self.first is not None and self.last is not None:
            ordered = math.isfinite(self.first) and math.isfinite(self.last) and self.first <= self.last
            if not ordered:
                raise GalleryError(
                    "A record's times are invalid",
                    expected="finite seconds, first <= last",
                    found=(self.first, self.last),
                    where=self.key,
                )

    def overlaps(self, other: Record) -> bool:
        """Whether one camera saw both at the same time (`share_time`), so that they are different people."""
        if (self.camera, self.clock) != (other.camera, other.clock):
            return False
        if self.first is None or other.first is None:
            return False
        assert self.last is not None  # both times or none
        assert other.last is not None
        if min(self.last, other.last) - max(self.first, other.first) < -_ROUNDED:
            return False  # most pairs, quickly
        return bool(share_time(self.first, self.last, other.first, other.last))


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search.

    Args:
        rank: from 1.
        record: of the tracklet found.
        score: cosine similarity, between -1 and 1.
        accepted: whether it is taken for the same person: people said so, else the score reaches the
            gallery's threshold, and no camera saw both at once; None if nobody said anything and
            there is no threshold.
        at_once: whether the query's camera saw both at the same time (`Record.overlaps`), and nobody said
            whether they are one person.
        said: whether people said that they are one person; None: nobody said anything.

    """

    rank: int
    record: Record
    score: float
    accepted: bool | None = None
    at_once: bool = False
    said: bool | None = None

    @property
    def key(self) -> str:
        """Key of the tracklet found."""
        return self.record.key


def first_hits(hits: Sequence[Hit], k: int) -> list[Hit]:
    """The best hits, with `k` at most of those that were not seen together with the query."""
    kept: list[Hit] = []
    for hit in hits:
        if k == 0:
            break
        kept.append(hit)
        k -= not hit.at_once
    return kept


@dataclass(frozen=True, slots=True)
class Added:
    """Counts of what an `add` did.

    Args:
        added: new tracklets.
        skipped: tracklets that were already there, unchanged.
        replaced: tracklets whose crops had changed.
        updated: tracklets with unchanged crops, but another camera, folder, label or times.
        forgotten: tracklets that were forgotten (`stca gallery forget`) and are not added again.

    """

    added: int = 0
    skipped: int = 0
    replaced: int = 0
    updated: int = 0
    forgotten: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        parts = [f"{self.added} added"]
        parts += [f"{self.replaced} replaced"] if self.replaced else []
        parts += [f"{self.updated} updated"] if self.updated else []
        parts += [f"{self.skipped} already there"] if self.skipped else []
        parts += [f"{self.forgotten} forgotten, not added again"] if self.forgotten else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Stats:
    """Size and contents of a gallery.

    Args:
        tracklets: number of tracklets.
        cameras: number of tracklets per camera.
        persons: number of different persons (`Record.person`).
        first: the earliest time in seconds; None if no times are known.
        last: the latest time.
        dim: D, dimension of the vectors.
        index: description of the search index.
        bytes_on_disk: size of all its files; None: a Milvus server does not say.
        hidden: number of those tracklets that are nobody (`stca person hide`).

    """

    tracklets: int
    cameras: dict[str, int]
    persons: int
    first: float | None
    last: float | None
    dim: int
    index: str
    bytes_on_disk: int | None
    hidden: int = 0


def updated_record(old: Record, new: Record) -> Record:
    """The new record, keeping `frames` and `content` of the vector, and a person that linking assigned."""
    person = new.person if old.person == old.label else old.person
    return replace(new, person=person, frames=old.frames, content=old.content)
