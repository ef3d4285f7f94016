"""What is known about the identities of tracklets: who is a mate of whom, and who a stranger."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int64

from stca.errors import GalleryError
from stca.gallery.calibration.calibration import Method
from stca.gallery.records import Record, share_time

_BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """Tracklets with what is known about their identities.

    Args:
        records: N.
        vectors: (N, D), of unit length.
        same: (N,) identity numbers: equal numbers are one person; below 0: unknown.
        complete: True: different numbers (from 0) are different people. False: only tracklets that overlap in
            time in one camera are known to be different people.
        groups: (N,) numbers by which `corrected` says who is who, below 0: nothing; overrules `same` and
            times. Equal numbers are one person. None: nobody said anything.
        apart: pairs of these numbers that are different people.
        method: None: "labels" if `complete`, else "time split".

    """

    records: tuple[Record, ...]
    vectors: Float32[np.ndarray, "N D"]
    same: Int64[np.ndarray, " N"]
    complete: bool
    groups: Int64[np.ndarray, " N"] | None = None
    apart: frozenset[tuple[int, int]] = frozenset()
    method: Method | None = None


def labelled(records: Sequence[Record], vectors: Float32[np.ndarray, "N D"]) -> CalibrationSet:
    """A calibration set from the records' labels; those without one are non-mates where they overlap."""
    same = [-1 if r.label is None else r.label for r in records]
    return CalibrationSet(tuple(records), vectors, np.array(same, dtype=np.int64), complete=True)


def relabel(records: Sequence[Record], labels: dict[str, int]) -> list[Record]:
    """Replace the records' labels by those given by key; keys not named have none.

    Raises:
        GalleryError: a key without a record.

    """
    if strange := labels.keys() - {record.key for record in records}:
        raise GalleryError(
            f"{len(strange)} labels name no tracklet of the gallery", found=f"first {min(strange)!r}"
        )
    return [replace(record, label=labels.get(record.key)) for record in records]


def _codes(names: Sequence[Hashable]) -> Int64[np.ndarray, " N"]:
    """Number the distinct names from 0."""
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def count_searches(known_pairs: CalibrationSet, *, across: bool = False) -> tuple[int, int]:
    """Numbers of mated and of non-mated searches that `measure` would run."""
    counts = [
        (int(mates.any(axis=1).sum()), int(non_mates.any(axis=1).sum()))
        for _, mates, non_mates in mate_masks(known_pairs, across=across)
    ]
    return sum(mated for mated, _ in counts), sum(non_mated for _, non_mated in counts)


def pair_scores(
    known_pairs: CalibrationSet,
) -> tuple[Float32[np.ndarray, " A"], Float32[np.ndarray, " B"]]:
    """The cosines of all pairs of different people, and of all pairs of one person, each pair once."""
    different, same = [], []
    for block, mates, non_mates in mate_masks(known_pairs, across=False):
        later = np.arange(len(known_pairs.records)) > block.start + np.arange(len(mates))[:, None]
        scores = known_pairs.vectors[block] @ known_pairs.vectors.T
        different.append(scores[non_mates & later])
        same.append(scores[mates & later])
    return np.concatenate(different), np.concatenate(same)


def mate_masks(
    known_pairs: CalibrationSet, *, across: bool
) -> Iterator[tuple[slice, Bool[np.ndarray, "Q G"], Bool[np.ndarray, "Q G"]]]:
    """Who is a mate of each tracklet, and who a stranger, for blocks of tracklets."""
    enemies: dict[int, list[int]] = {}
    for a, b in known_pairs.apart:
        enemies.setdefault(a, []).append(b)
        enemies.setdefault(b, []).append(a)
    records = known_pairs.records
    camera = _codes([r.camera for r in records])
    clock = _codes([(r.camera, r.clock) for r in records])
    first, last = (
        np.array([np.nan if t is None else t for t in times], dtype=np.float64)
        for times in ([r.first for r in records], [r.last for r in records])
    )
    for start in range(0, len(records), _BLOCK):
        block = slice(start, start + _BLOCK)
        one_clock = clock[block, None] == clock  # two videos of a camera both begin at 0
        at_once = one_clock & share_time(first[block, None], last[block, None], first, last)
        mates, non_mates = _by_identity(known_pairs, block, at_once)
        if known_pairs.groups is not None:
            _correct(mates, non_mates, known_pairs.groups, block, enemies)
        own = np.arange(start, start + len(mates))
        for mask in (mates, non_mates):
            mask[np.arange(len(mates)), own] = False
            if across:
                mask &= camera[block, None] != camera
        yield block, mates, non_mates


def _by_identity(
    known_pairs: CalibrationSet, block: slice, at_once: Bool[np.ndarray, "Q G"]
) -> tuple[Bool[np.ndarray, "Q G"], Bool[np.ndarray, "Q G"]]:
    """Mates and strangers of the block's tracklets by identity numbers, and whom one camera saw at once."""
    same, non_mates = known_pairs.same, at_once
    mates = (same[block, None] == same) & (same >= 0)
    if known_pairs.complete:
        non_mates = non_mates | (same[block, None] != same) & (same[block, None] >= 0) & (same >= 0)
    return mates, non_mates & ~mates


def _correct(
    mates: Bool[np.ndarray, "Q G"],
    non_mates: Bool[np.ndarray, "Q G"],
    groups: Int64[np.ndarray, " G"],
    block: slice,
    enemies: Mapping[int, Sequence[int]],
) -> None:
    """Overrule the masks by what people said, in place."""
    mine = groups[block]
    joined = (mine[:, None] == groups) & (mine >= 0)[:, None]
    mates |= joined
    non_mates &= ~joined
    for row, group in enumerate(mine.tolist()):
        if group in enemies:
            told_apart = np.isin(groups, enemies[group])
            mates[row] &= ~told_apart
            non_mates[row] |= told_apart
