"""What the corrections of a gallery say together: who must be one person, and who must not.

The newest word counts. Corrections are taken newest first; of an older one, what contradicts those already
taken, directly or through them (a is b, b is c, so a is c), is left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from stca.gallery.corrections.correction import Correction, hidden_keys
from stca.gallery.corrections.groups import Groups, Keys
from stca.tools.tables import harmless

_SAY_WHO = ("same", "different", "merge", "take out", "split")
"""Kinds that say of tracklets that they are one person or not."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Constraints that do not contradict each other.

    Args:
        groups: tracklets that are one person; groups of two and more, disjoint, in alphabetical order.
        apart: pairs of tracklets that are not one person, one pair for two groups: it stands for every pair
            between these groups. In alphabetical order.
        left_out: corrections that contradict newer ones, newest first; what else they say is kept. One whose
            pairs somebody decided otherwise later is not among them.

    """

    groups: tuple[Keys, ...] = ()
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


@dataclass(frozen=True, slots=True)
class Statement:
    """What one correction says about the tracklets that still count.

    Args:
        correction: of a kind that says who is who.
        keys: as `Correction.keys`.
        others: as `Correction.others`.

    """

    correction: Correction
    keys: Keys
    others: Keys

    @property
    def joins(self) -> bool:
        """Whether keys and others are one person; else nobody is in both."""
        return self.correction.kind in ("same", "merge")

    @property
    def together(self) -> Keys:
        """Tracklets that it says to be one person."""
        if self.joins:
            return tuple(dict.fromkeys(self.keys + self.others))
        return () if self.correction.kind == "different" else self.keys

    @property
    def apart(self) -> tuple[Keys, Keys]:
        """Nobody of the first is in the second."""
        return ((), ()) if self.joins else (self.keys, self.others)

    def pairs(self) -> Iterator[tuple[str, str, bool]]:
        """(key, other, same) of the pairs that its author looked at."""
        if self.correction.kind == "split":
            yield from ((*pair, True) for pair in combinations(self.keys, 2))
        yield from ((key, other, self.joins) for key, other in product(self.keys, self.others))


def resolve(corrections: Sequence[Correction]) -> Resolved:
    """The constraints that follow from a log.

    Args:
        corrections: oldest first, as `Gallery.corrections` gives them. Undone ones, tracklets that are gone
            and those that are hidden say nothing.

    """
    groups, left_out = _resolve(statements(corrections))
    return Resolved(groups.several(), groups.pairs(), tuple(left_out))


def labelled_pairs(corrections: Sequence[Correction]) -> list[LabelledPair]:
    """Every pair that somebody said something about and that was not overruled, by its newest word.

    Merging says it of the pairs between the two persons, not of those within them.

    Args:
        corrections: as of `resolve`.

    Returns:
        pairs in the order of these words, oldest first; of a pair, the key first in the alphabet comes first.

    """
    said = statements(corrections)
    groups, _ = _resolve(said)
    found: dict[tuple[str, str], LabelledPair] = {}
    for statement in said:
        correction = statement.correction
        for a, b, same in statement.pairs():
            pair = (min(a, b), max(a, b))
            if a != b and pair not in found and groups.holds(a, b, same=same):
                found[pair] = LabelledPair(*pair, same, correction.time, correction.author)
    return list(found.values())[::-1]


def pairs_csv(pairs: Iterable[LabelledPair]) -> str:
    """Pairs as CSV: key,other,same,time,author.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["key", "other", "same", "time", "author"])
    for pair in pairs:
        names = harmless(pair.key), harmless(pair.other)
        rows.writerow([*names, int(pair.same), f"{pair.time:.3f}", harmless(pair.author)])
    return text.getvalue()


def statements(corrections: Sequence[Correction]) -> list[Statement]:
    """What the corrections say that count, newest first.

    Taking b1 out of a person does not tell it apart from b2 if b2 was taken out of that person later.
    """
    hidden = hidden_keys(corrections)
    taken_from: dict[str, list[frozenset[str]]] = {}
    """The tracklets that a tracklet was taken away from, later in the log."""
    found = []
    for correction in reversed(corrections):
        if not correction.counts or correction.kind not in _SAY_WHO:
            continue
        keys, others = (tuple(k for k in side if k not in hidden) for side in correction.standing())
        if correction.kind in ("take out", "split"):
            person = frozenset(others)
            others = tuple(
                key for key in others if all(person.isdisjoint(rest) for rest in taken_from.get(key, ()))
            )
            for key in keys:
                taken_from.setdefault(key, []).append(person)
        found.append(Statement(correction, keys, others))
    return found


def _resolve(said: Sequence[Statement]) -> tuple[Groups, list[Correction]]:
    groups, left_out = Groups(), []
    for statement in said:
        agrees = groups.join(statement.together)
        if not (groups.part(*statement.apart) and agrees):
            left_out.append(statement.correction)
    return groups, left_out
