"""Ranked lists of two systems for the same queries, and an unbiased sample of them (the paper's figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stca.analysis.ranked_lists import RankedList
from stca.errors import ConfigError

Outcome = Literal["only the first", "both", "only the second", "neither"]
OUTCOMES: tuple[Outcome, ...] = ("only the first", "both", "only the second", "neither")
"""Which of two systems has a correct match at rank 1, in the order used by `sample_by_outcome`."""


@dataclass(frozen=True)
class PairedLists:
    """The ranked lists of two systems for one query."""

    first: RankedList
    second: RankedList

    @property
    def query(self) -> str:
        """The key of the query."""
        return self.first.query

    @property
    def outcome(self) -> Outcome:
        """Which system is correct at rank 1."""
        if self.first.first_right:
            return "both" if self.second.first_right else "only the first"
        return "only the second" if self.second.first_right else "neither"


def pair_lists(first: Sequence[RankedList], second: Sequence[RankedList]) -> list[PairedLists]:
    """Pair the lists of the same queries, in the first system's order.

    Raises:
        ConfigError: the two systems have different queries.

    """
    theirs = {each.query: each for each in second}
    if len(first) != len(theirs) or {each.query for each in first} != theirs.keys():
        raise ConfigError(
            "These ranked lists are not of the same queries",
            expected=f"{len(first)} queries with the same keys",
            found=f"{len(second)} queries, {sum(each.query in theirs for each in first)} of them shared",
            hint="rank both systems on one test set by one protocol",
        )
    return [PairedLists(each, theirs[each.query]) for each in first]


def count_outcomes(pairs: Sequence[PairedLists]) -> dict[Outcome, int]:
    """Count the queries of each outcome, including zeros."""
    return {each: sum(pair.outcome == each for pair in pairs) for each in OUTCOMES}


def sample_by_outcome(pairs: Sequence[PairedLists], count: int, *, seed: int = 0) -> list[PairedLists]:
    """Draw queries at random from the four outcomes in turn, and sort them by outcome.

    Six queries are thus two that only the first system gets right, two that both get right, and two that the
    first gets wrong; an outcome without enough queries is filled up from the others. The sample does not show
    how frequent an outcome is; `count_outcomes` does.
    """
    rng = np.random.default_rng(seed)
    order = [pairs[i] for i in rng.permutation(len(pairs))]
    heaps = {each: [pair for pair in order if pair.outcome == each] for each in OUTCOMES}
    rounds = [heaps[each][turn] for turn in range(count) for each in OUTCOMES if turn < len(heaps[each])]
    return sorted(rounds[:count], key=lambda pair: OUTCOMES.index(pair.outcome))
