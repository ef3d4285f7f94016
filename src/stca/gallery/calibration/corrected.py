"""What people have said about who is who, for the calibration of a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Int64

from stca.gallery.calibration import CalibrationSet, count_searches
from stca.gallery.corrections.resolving import Resolved
from stca.gallery.records import Record

LEAST_SEARCHES = 30
"""Searches of each kind without which a rate is known to within 18 % at best (95 % confidence)."""


def corrected(known_pairs: CalibrationSet, resolved: Resolved) -> CalibrationSet:
    """A calibration set in which corrections by people overrule the identities and times.

    Where they join tracklets of two labels, the two labels are one person.
    """
    if not (resolved.groups or resolved.apart):
        return known_pairs
    numbers = {key: number for number, group in enumerate(resolved.groups) for key in group}
    following = len(resolved.groups)
    for key in (key for pair in resolved.apart for key in pair):
        if key not in numbers:
            numbers[key], following = following, following + 1
    groups = np.array([numbers.get(record.key, -1) for record in known_pairs.records], dtype=np.int64)
    apart = frozenset((numbers[a], numbers[b]) for a, b in resolved.apart)
    same = _join_labels(known_pairs.same, groups) if known_pairs.complete else known_pairs.same
    return replace(known_pairs, same=same, groups=groups, apart=apart)


def corrections_alone(
    records: Sequence[Record], vectors: Float32[np.ndarray, "N D"], resolved: Resolved
) -> CalibrationSet:
    """Nobody is known but those that people joined or told apart, and those whom one camera saw at once."""
    unknown = np.full(len(records), -1, dtype=np.int64)
    bare = CalibrationSet(tuple(records), vectors, unknown, complete=False, method="corrections")
    return corrected(bare, resolved)


def suffices(known_pairs: CalibrationSet, *, far: float, across: bool) -> tuple[bool, str]:
    """Whether a set has searches enough for a threshold of its own, and the numbers in words.

    It needs 30 searches for people in the gallery, and as many for people not in it as the wanted rate
    demands: one false accept must be expected among them.
    """
    wanted = max(LEAST_SEARCHES, math.ceil(1 / far - 1e-9)) if far > 0 else math.inf
    mated, non_mated = count_searches(known_pairs, across=across)
    words = (
        f"{mated} searches for people in the gallery and {non_mated} for people not in it, "
        f"of at least {LEAST_SEARCHES} and {wanted} that a threshold needs"
    )
    return mated >= LEAST_SEARCHES and non_mated >= wanted, words


def _join_labels(same: Int64[np.ndarray, " N"], groups: Int64[np.ndarray, " N"]) -> Int64[np.ndarray, " N"]:
    """Identity numbers in which all tracklets of a group have one, if one of them has any."""
    parent: dict[int, int] = {}

    def root(number: int) -> int:
        while parent.get(number, number) != number:
            number = parent[number]
        return number

    of_group: dict[int, int] = {}
    for number, group in zip(same.tolist(), groups.tolist(), strict=True):
        if number >= 0 and group >= 0:
            parent[root(number)] = root(of_group.setdefault(group, number))
    pairs = zip(same.tolist(), groups.tolist(), strict=True)
    wanted = [root(number) if number >= 0 else root(of_group.get(group, -1)) for number, group in pairs]
    return np.array(wanted, dtype=np.int64)
