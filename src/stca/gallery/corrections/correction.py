"""One correction by a person, as the gallery's log keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args, runtime_checkable

from stca.errors import GalleryError

Kind = Literal["same", "different", "name", "merge", "take out", "split", "hide", "show"]
"""What a correction says:

same, different: a verdict on an answer; `keys` is the query, `others` the answer.
name: `keys` are a person's tracklets, `text` is their name.
merge: `keys` are the tracklets of one person, `others` of another; they are one.
take out, split: `keys` are a person of their own, `others` are the rest of the person that they were of.
hide, show: `keys` are nobody (a poster, a dummy), or somebody after all.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_CHARACTERS = 100
_JOINERS = {0x200C: None, 0x200D: None}
"""Invisible, but part of names in Persian, Hindi and others."""


@dataclass(frozen=True, slots=True)
class Correction:
    """An entry of a gallery's log.

    Args:
        id: its number, from 1; a later correction has a larger one.
        time: POSIX seconds.
        kind: see `Kind`.
        keys: tracklets that it is about.
        others: tracklets that they were compared with.
        text: the name, of kind "name"; else empty.
        author: who made it; empty: not said.
        undone: POSIX seconds at which it was undone; None: it counts.
        gone: those of its keys whose tracklet was removed or replaced since; they are ignored.
        renumbered: persons were numbered anew since (`stca link`), so that undoing it moves no tracklet at
            once, but counts for the next `stca link`.

    """

    id: int
    time: float
    kind: Kind
    keys: tuple[str, ...]
    others: tuple[str, ...] = ()
    text: str = ""
    author: str = ""
    undone: float | None = None
    gone: frozenset[str] = frozenset()
    renumbered: bool = False

    @property
    def counts(self) -> bool:
        """Whether it was not undone."""
        return self.undone is None

    def standing(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """`keys` and `others` without those that are gone."""
        keys, others = ([key for key in side if key not in self.gone] for side in (self.keys, self.others))
        return tuple(keys), tuple(others)


@runtime_checkable
class PersonTable(Protocol):
    """The persons of a gallery at the moment of a correction."""

    @property
    def hidden(self) -> frozenset[str]:
        """Keys that are nobody."""
        ...

    def persons_of(self, keys: Sequence[str]) -> dict[str, int | None]:
        """Person by key, of those keys that exist; None: unknown."""
        ...

    def tracklets_of(self, person: int) -> tuple[str, ...]:
        """Keys of a person, in insertion order."""
        ...

    def free_number(self) -> int:
        """A number that no person has, and none had since persons were last numbered."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What a new correction says, and which tracklets it moves (`Gallery.correct`).

    Args:
        kind: as `Correction`.
        keys: as `Correction`.
        others: as `Correction`.
        text: as `Correction`.
        author: as `Correction`.
        persons: the new person by key, of the tracklets that move.

    Raises:
        GalleryError: a name or an author of no or too many characters, or with control characters.

    """

    kind: Kind
    keys: tuple[str, ...]
    others: tuple[str, ...] = ()
    text: str = ""
    author: str = ""
    persons: Mapping[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind == "name":
            require_words("name", self.text, least=1)
        require_words("author", self.author, least=0)


def require_words(what: str, text: str, *, least: int) -> None:
    """Raise GalleryError unless a text is printable, of `least` to 100 characters, and not only spaces."""
    shown = text.translate(_JOINERS)
    if least <= len(text) <= MOST_CHARACTERS and text == text.strip() and shown.isprintable():
        return
    raise GalleryError(
        f"This is no {what}",
        expected=f"{least} to {MOST_CHARACTERS} printable characters, no space at either end",
        found=ascii(text if len(text) <= MOST_CHARACTERS else f"{text[:40]}..."),
    )


def hidden_keys(corrections: Sequence[Correction]) -> frozenset[str]:
    """Keys whose last correction of the kinds "hide" and "show" hides them."""
    hidden: set[str] = set()
    for correction in corrections:
        if correction.counts and correction.kind in ("hide", "show"):
            keys, _ = correction.standing()
            (hidden.update if correction.kind == "hide" else hidden.difference_update)(keys)
    return frozenset(hidden)
