"""Calibrate the score threshold below which a search has no match.

Each tracklet is used as a query twice: with the other tracklets of its person in the gallery (a mated search)
and without them (a non-mated search); see `stca.ranking.open_set`. Identities come from labels. Without
labels, the two halves of a tracklet are taken to be one person, and tracklets that overlap in time in one
camera to be different people.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64

from stca.errors import GalleryError
from stca.gallery.records import Record
from stca.ranking.open_set import OpenSet, open_set_scores

Method = Literal["labels", "time split", "cross-camera sets"]
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Calibration:
    """A score threshold and how it was determined.

    Args:
        threshold: cosine similarity; hits at or above it are accepted.
        far: the requested false-accept rate, per search.
        method: where the identities came from.
        searches: number of mated searches (the person is in the gallery).
        impostors: number of non-mated searches (the person is not in the gallery).
        rows: gallery rows of the median non-mated search; with more rows, false accepts are more frequent.
        dir_at_threshold: detection and identification rate at this threshold.
        dir_at_1: detection and identification rate at FAR 1 %.
        dir_at_10: detection and identification rate at FAR 10 %.

    """

    threshold: float
    far: float
    method: Method
    searches: int
    impostors: int
    rows: int
    dir_at_threshold: float
    dir_at_1: float
    dir_at_10: float

    def to_json(self) -> str:
        """Serialise."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Parse what `to_json` wrote.

        Raises:
            GalleryError: not what `to_json` wrote.

        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise GalleryError("A gallery's stored calibration is damaged", found=error) from error

    @property
    def measured(self) -> bool:
        """Whether there were enough non-mated searches to measure a rate as low as `far`."""
        return self.far * self.impostors >= 1

    def table(self) -> str:
        """Human-readable summary."""
        if self.method == "cross-camera sets":
            return self._cross_camera_table()
        lines = [
            f"threshold {self.threshold:.4f} for a false-accept rate of {100 * self.far:g} % per search",
            f"from {self.method}: {self.searches} searches for people in the gallery, "
            f"{self.impostors} for people not in it, among {self.rows} tracklets each",
            f"DIR (right and above the threshold): {_rate(self.dir_at_threshold, self.searches)}",
            f"DIR at FAR  1 %: {_rate(self.dir_at_1, self.searches)}",
            f"DIR at FAR 10 %: {_rate(self.dir_at_10, self.searches)}",
        ]
        if self.method == "time split":
            lines.append(
                "note: without labels, each tracklet was split into two halves, which are more alike than "
                "tracklets of two cameras: across cameras this threshold is too strict, and tracks that mix "
                "people make it stricter still. Use --labels FILE.csv where identities are known"
            )
        if not self.measured:
            limit = min(1.0, 3 / self.impostors)
            lines.append(
                f"note: {self.impostors} searches are too few to measure {100 * self.far:g} %. The threshold "
                f"is just above all of their scores; the true rate is below {100 * limit:.2g} % with 95 % "
                "confidence"
            )
        return "\n".join(lines)

    def _cross_camera_table(self) -> str:
        far, reached = 100 * self.far, 100 * self.dir_at_threshold
        return (
            f"threshold {self.threshold:.4f} for a false-accept rate of {far:g} % per search among "
            f"{self.rows} tracklets\nfrom pictures of two cameras in public sets: {self.searches} pairs of "
            f"one person, of which {reached:.0f} % reach it, and {self.impostors} of different people"
        )


def _rate(value: float, searches: int) -> str:
    half = 1.96 * np.sqrt(value * (1 - value) / searches)
    return f"{100 * value:.1f} +- {100 * half:.1f} %"


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """Tracklets with what is known about their identities.

    Args:
        records: N.
        vectors: (N, D), of unit length.
        same: (N,) identity numbers: equal numbers are one person; below 0: unknown.
        complete: True: different numbers (from 0) are different people. False: only tracklets that overlap in
            time in one camera are known to be different people.

    """

    records: tuple[Record, ...]
    vectors: Float32[np.ndarray, "N D"]
    same: Int64[np.ndarray, " N"]
    complete: bool


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


def measure(known_pairs: CalibrationSet, *, across: bool = False) -> tuple[OpenSet, int]:
    """Run a mated and a non-mated search for every tracklet.

    Args:
        known_pairs: with at least one pair of the same person and one pair of different people.
        across: compare only tracklets of different cameras.

    Returns:
        the scores, and the number of gallery rows of the median non-mated search.

    Raises:
        GalleryError: no pair is known to be one person, or none to be different people.

    """
    right, impostor, rows = [], [], []
    for start in range(0, len(known_pairs.records), _BLOCK):
        block = slice(start, start + _BLOCK)
        mates, non_mates = _mate_masks(known_pairs, block, across=across)
        scores = known_pairs.vectors[block] @ known_pairs.vectors.T
        some = open_set_scores(scores, mates, non_mates)
        right.append(some[0])
        impostor.append(some[1])
        counts = non_mates.sum(axis=1)
        rows.append(counts[counts > 0])
    found = [np.concatenate(parts) if parts else np.empty(0) for parts in (right, impostor)]
    if not len(found[0]) or not len(found[1]):
        lacking = "the same person" if not len(found[0]) else "different people"
        raise GalleryError(
            f"No two tracklets are known to be of {lacking}",
            expected="labels, or several people in one camera at a time",
            found=f"{len(known_pairs.records)} tracklets",
            hint="--labels FILE.csv with columns key,person",
        )
    return OpenSet(*found), int(np.median(np.concatenate(rows)))


def calibrate(
    known_pairs: CalibrationSet, *, far: float = 0.01, across: bool = False
) -> tuple[Calibration, OpenSet]:
    """The threshold for a false-accept rate, and the search scores that it was computed from.

    Raises:
        GalleryError: no pair is known to be one person, or none to be different people.
        RankingError: `far` is not between 0 and 1.

    """
    searches, rows = measure(known_pairs, across=across)
    threshold = searches.threshold(far)
    calibration = Calibration(
        threshold=threshold,
        far=far,
        method="labels" if known_pairs.complete else "time split",
        searches=len(searches.right),
        impostors=len(searches.impostor),
        rows=rows,
        dir_at_threshold=searches.identification_rate(threshold),
        dir_at_1=searches.dir_at_far(0.01),
        dir_at_10=searches.dir_at_far(0.10),
    )
    return calibration, searches


def pair_scores(
    known_pairs: CalibrationSet,
) -> tuple[Float32[np.ndarray, " A"], Float32[np.ndarray, " B"]]:
    """The cosines of all pairs of different people, and of all pairs of one person, each pair once."""
    different, same = [], []
    for start in range(0, len(known_pairs.records), _BLOCK):
        block = slice(start, start + _BLOCK)
        mates, non_mates = _mate_masks(known_pairs, block, across=False)
        later = np.arange(len(known_pairs.records)) > start + np.arange(len(mates))[:, None]
        scores = known_pairs.vectors[block] @ known_pairs.vectors.T
        different.append(scores[non_mates & later])
        same.append(scores[mates & later])
    return np.concatenate(different), np.concatenate(same)


def _codes(names: Sequence[Hashable]) -> Int64[np.ndarray, " N"]:
    """Number the distinct names from 0."""
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def _mate_masks(
    known_pairs: CalibrationSet, block: slice, *, across: bool
) -> tuple[Bool[np.ndarray, "Q G"], Bool[np.ndarray, "Q G"]]:
    """Who is a mate of each of the block's tracklets, and who a stranger."""
    same = known_pairs.same
    camera = _codes([r.camera for r in known_pairs.records])
    clock = _codes([(r.camera, r.clock) for r in known_pairs.records])
    first, last = (
        np.array([np.nan if t is None else t for t in times])
        for times in ([r.first for r in known_pairs.records], [r.last for r in known_pairs.records])
    )
    one_camera = camera[block, None] == camera
    one_clock = clock[block, None] == clock  # two videos of a camera both begin at 0
    at_once = one_clock & (first[block, None] <= last) & (first <= last[block, None])
    mates = (same[block, None] == same) & (same >= 0)
    non_mates = at_once.copy()
    if known_pairs.complete:
        non_mates |= (same[block, None] != same) & (same[block, None] >= 0) & (same >= 0)
    non_mates &= ~mates
    mates[np.arange(len(mates)), np.arange(block.start, block.start + len(mates))] = False
    non_mates[np.arange(len(mates)), np.arange(block.start, block.start + len(mates))] = False
    if across:
        mates &= ~one_camera
        non_mates &= ~one_camera
    return mates, non_mates
