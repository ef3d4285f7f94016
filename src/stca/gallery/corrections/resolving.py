"""What the corrections of a gallery say together: who must be one person, and who must not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stca.gallery.corrections.correction import Correction


@dataclass(frozen=True, slots=True)
class Resolved:
    """Constraints that do not contradict each other.

    Args:
        groups: tracklets that are one person; groups of two and more, disjoint, in the order of their keys.
        apart: pairs of tracklets that are not one person; at most one pair for two groups, so that it stands
            for every pair between these groups.
        left_out: corrections that contradict newer ones, newest first; what else they say is kept.

    """

    groups: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    left_out: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two tracklets that somebody has said to be one person, or two people."""

    key: str
    other: str
    same: bool
    time: float
    author: str


def resolve(corrections: Sequence[Correction]) -> Resolved:
    """The constraints that follow from a log: the newest word on a pair counts."""
    raise NotImplementedError


def labelled_pairs(corrections: Sequence[Correction]) -> Iterator[LabelledPair]:
    """Every pair that the log says something about, with the newest word on it."""
    raise NotImplementedError
