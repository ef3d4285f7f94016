"""The persons of a gallery, and corrections by people: name, merge, take out, split, hide, judge, undo.

Each takes effect at once, in one commit with its entry in the gallery's log, and binds the next `stca link`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stca.gallery.corrections import Correction
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a gallery.

    Args:
        number: as `Record.person`.
        name: given by `name_person`; None: without a name.
        records: the tracklets, in time order.

    """

    number: int
    name: str | None
    records: tuple[Record, ...]


def persons(gallery: Gallery) -> list[Person]:
    """All persons by number. Tracklets without a person, and hidden ones, are of none."""
    raise NotImplementedError


def person_names(gallery: Gallery) -> dict[int, str]:
    """The names of persons by number, of those that have one."""
    raise NotImplementedError


def name_person(gallery: Gallery, number: int, name: str, *, author: str = "") -> Correction:
    """Name a person. The name belongs to the tracklets: it follows most of them when persons are linked anew.

    Raises:
        GalleryError: no such person; a name that is not 1 to 100 printable characters; a read-only gallery.

    """
    raise NotImplementedError


def merge_persons(gallery: Gallery, first: int, second: int, *, author: str = "") -> Correction:
    """Two persons are one: the second's tracklets become the first's.

    Raises:
        GalleryError: no such persons, or one of them twice; a read-only gallery.

    """
    raise NotImplementedError


def take_out(gallery: Gallery, key: str, *, author: str = "") -> Correction:
    """A tracklet is not of its person; it becomes a person of its own.

    Raises:
        GalleryError: no such tracklet, or one without a person or alone; a read-only gallery.

    """
    raise NotImplementedError


def split_person(gallery: Gallery, keys: Sequence[str], *, author: str = "") -> Correction:
    """These tracklets of one person are another one, all of them the same.

    Raises:
        GalleryError: a missing tracklet, tracklets of several persons or of none, or all of a person's;
            a read-only gallery.

    """
    raise NotImplementedError


def hide(gallery: Gallery, keys: Sequence[str], *, author: str = "") -> Correction:
    """These tracklets are nobody (a poster, a dummy): they are no longer searched, linked or counted.

    Raises:
        GalleryError: a missing tracklet, or one that is hidden already; a read-only gallery.

    """
    raise NotImplementedError


def show(gallery: Gallery, keys: Sequence[str], *, author: str = "") -> Correction:
    """These hidden tracklets are somebody after all; they have no person until the next `stca link`.

    Raises:
        GalleryError: a missing tracklet, or one that is not hidden; a read-only gallery.

    """
    raise NotImplementedError


def judge(gallery: Gallery, query: str, answer: str, *, same: bool, author: str = "") -> Correction:
    """Whether an answer shows the query's person. No tracklet moves; the next `stca link` is bound by it.

    Raises:
        GalleryError: a missing tracklet, or the same one twice; a read-only gallery.

    """
    raise NotImplementedError


def undo(gallery: Gallery, id: int) -> Correction:
    """Undo a correction, in any order.

    Tracklets that are still of the person that it gave them go back to the one of before, unless persons
    were numbered anew since (`Correction.renumbered`): then it counts for the next `stca link`.

    Raises:
        GalleryError: no such correction, or one that was undone already; a read-only gallery.

    """
    raise NotImplementedError
