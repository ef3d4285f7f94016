"""The words of a gallery: what is kept of a tracklet, what a search gives, what an `add` did."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from stca.errors import GalleryError


@dataclass(frozen=True, slots=True)
class Record:
    """What a gallery knows of one tracklet, beside its vector.

    Args:
        key: its name, unique in the gallery.
        camera: which camera saw it.
        first: when it is seen first, in seconds (POSIX seconds where the video's start is known); None where
            no times are known.
        last: when it is seen last; None together with `first`.
        person: who it is: what linking said (`Gallery.set_persons`), else what was known when it was added.
        label: who it is, as known when it was added (ground truth); None where nobody knows.
        folder: where its crops lie; None for a vector without pictures.
        frames: how many crops the vector was made of.
        content: a digest of the crops, by which `add` sees that it has them already; where it is empty, the
            vector's own digest takes its place.
        clock: what its times count from: empty for one clock of all (1970, where the videos' starts are
            known), else the video from whose beginning they count. Times of two clocks are not compared.

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
                    "A record's times are not as they should be",
                    expected="finite seconds, first <= last",
                    found=(self.first, self.last),
                    where=self.key,
                )

    def overlaps(self, other: Record) -> bool:
        """Whether both are seen by the same camera at some same moment: never the same person."""
        if (self.camera, self.clock) != (other.camera, other.clock):
            return False
        if self.first is None or other.first is None:
            return False
        assert self.last is not None  # both times or none
        assert other.last is not None
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a search.

    Args:
        rank: from 1.
        record: of the tracklet that was found.
        score: cosine similarity, between -1 and 1.
        accepted: whether the score reaches the gallery's threshold; None where it was never calibrated.

    """

    rank: int
    record: Record
    score: float
    accepted: bool | None = None

    @property
    def key(self) -> str:
        """Of the tracklet that was found."""
        return self.record.key


@dataclass(frozen=True, slots=True)
class Added:
    """What an `add` did.

    Args:
        added: tracklets that were new.
        skipped: that it had already.
        replaced: that it had with other crops.
        updated: that it had with the same crops, but with another camera, folder, label or times.

    """

    added: int = 0
    skipped: int = 0
    replaced: int = 0
    updated: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        parts = [f"{self.added} added"]
        parts += [f"{self.replaced} replaced"] if self.replaced else []
        parts += [f"{self.updated} updated"] if self.updated else []
        parts += [f"{self.skipped} already there"] if self.skipped else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Stats:
    """What a gallery holds.

    Args:
        tracklets: how many.
        cameras: tracklets by camera.
        persons: different persons (`Record.person`).
        first: the earliest time, in seconds; None where no times are known.
        last: the latest.
        dim: D of its vectors.
        index: how it is searched, in words.
        bytes_on_disk: of all its files.

    """

    tracklets: int
    cameras: dict[str, int]
    persons: int
    first: float | None
    last: float | None
    dim: int
    index: str
    bytes_on_disk: int


def brought_up(old: Record, new: Record) -> Record:
    """The new one, but for what belongs to the vector, and a person other than the label: linking said it."""
    person = new.person if old.person == old.label else old.person
    return replace(new, person=person, frames=old.frames, content=old.content)
