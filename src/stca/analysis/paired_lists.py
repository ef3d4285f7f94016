"""Two systems' ranked lists for the same queries, and a choice among them that cannot flatter (figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stca.analysis.ranked_lists import RankedList
from stca.errors import ConfigError

Outcome = Literal["only the first", "both", "only the second", "neither"]
OUTCOMES: tuple[Outcome, ...] = ("only the first", "both", "only the second", "neither")
"""Which of two systems has the right person at rank 1, in the order in which `sample_by_outcome` deals."""


@dataclass(frozen=True)
class PairedLists:
    """What two systems found for one query."""

    first: RankedList
    second: RankedList

    @property
    def query(self) -> str:
        """Its key."""
        return self.first.query

    @property
    def outcome(self) -> Outcome:
        """Who is right at rank 1."""
        if self.first.first_right:
            return "both" if self.second.first_right else "only the first"
        return "only the second" if self.second.first_right else "neither"


def pair_lists(first: Sequence[RankedList], second: Sequence[RankedList]) -> list[PairedLists]:
    """The lists of the same queries beside each other, in the first system's order.

    Raises:
        ConfigError: the two answer different queries.

    """
    theirs = {each.query: each for each in second}
    if len(first) != len(theirs) or {each.query for each in first} != theirs.keys():
        raise ConfigError(
            "These ranked lists do not answer the same queries",
            expected=f"{len(first)} queries with the same keys",
            found=f"{len(second)} queries, {sum(each.query in theirs for each in first)} of them shared",
            hint="rank both systems on one test set by one protocol",
        )
    return [PairedLists(each, theirs[each.query]) for each in first]


def count_outcomes(pairs: Sequence[PairedLists]) -> dict[Outcome, int]:
    """How many queries there are of each outcome, zeros too."""
    return {each: sum(pair.outcome == each for pair in pairs) for each in OUTCOMES}


def sample_by_outcome(pairs: Sequence[PairedLists], count: int, *, seed: int = 0) -> list[PairedLists]:
    """Queries drawn at random from the four outcomes in turn, sorted by outcome.

    Six are thus two that only the first system gets right, two that both do, and two that the first gets
    wrong; where an outcome has no more queries, the others fill in. It shows what there is, not how often:
    that is for `count_outcomes` to say.
    """
    rng = np.random.default_rng(seed)
    order = [pairs[i] for i in rng.permutation(len(pairs))]
    heaps = {each: [pair for pair in order if pair.outcome == each] for each in OUTCOMES}
    rounds = [heaps[each][turn] for turn in range(count) for each in OUTCOMES if turn < len(heaps[each])]
    return sorted(rounds[:count], key=lambda pair: OUTCOMES.index(pair.outcome))
