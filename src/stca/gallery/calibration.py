"""A threshold for "nobody": from tracklets whose persons are known, or from tracklets cut in two.

Every tracklet asks twice, with the other tracklets of its person in the gallery and without them
(`stca.ranking.open_set`). Who is the same and who is not comes from labels; without labels, the two halves of
a tracklet are the same person, and tracklets that one camera sees at the same time are not.
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

Method = Literal["labels", "time split"]
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and how it came about.

    Args:
        threshold: cosine similarity; an answer at or above it is accepted.
        far: the false-accept rate that was wanted.
        method: whose sameness was known, and how.
        searches: by people in the gallery.
        impostors: searches by people not in it.
        rows: compared with in the median impostor's search. A gallery with more has more false accepts.
        dir_at_threshold: detection and identification rate at this threshold.
        dir_at_1: at FAR 1 %.
        dir_at_10: at FAR 10 %.

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
        """As text, to be kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Back from text.

        Raises:
            GalleryError: not what `to_json` wrote.

        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise GalleryError("A gallery's note of its threshold is damaged", found=error) from error

    @property
    def measured(self) -> bool:
        """Whether there were enough impostors to see a rate as low as the wanted one."""
        return self.far * self.impostors >= 1

    def table(self) -> str:
        """For people."""
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
                "note: each tracklet was cut into two halves, which are more alike than two cameras see "
                "anybody: between cameras this threshold is too strict, and tracks that mix people make it "
                "stricter. With --labels FILE.csv it is that of the people themselves"
            )
        if not self.measured:
            limit = min(1.0, 3 / self.impostors)
            lines.append(
                f"note: {self.impostors} impostors are too few to see {100 * self.far:g} %. The threshold is "
                f"just above all of them; the true rate is below {100 * limit:.2g} % with 95 % confidence"
            )
        return "\n".join(lines)


def _rate(value: float, searches: int) -> str:
    half = 1.96 * np.sqrt(value * (1 - value) / searches)
    return f"{100 * value:.1f} ± {100 * half:.1f} %"


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Tracklets and what is known of who they are.

    Args:
        records: N.
        vectors: (N, D), of unit length.
        same: (N,) tracklets of equal numbers are of one person; below 0: not known.
        complete: whether different numbers (from 0) are different people; if not, only tracklets seen by one
            camera at the same time are.

    """

    records: tuple[Record, ...]
    vectors: Float32[np.ndarray, "N D"]
    same: Int64[np.ndarray, " N"]
    complete: bool


def labelled(records: Sequence[Record], vectors: Float32[np.ndarray, "N D"]) -> Judged:
    """By the records' labels; those without one take part only where a camera saw both at once."""
    same = [-1 if r.label is None else r.label for r in records]
    return Judged(tuple(records), vectors, np.array(same, dtype=np.int64), complete=True)


def relabel(records: Sequence[Record], labels: dict[str, int]) -> list[Record]:
    """With labels by key; a key that is not named has none.

    Raises:
        GalleryError: a key that no record has.

    """
    if strange := labels.keys() - {record.key for record in records}:
        raise GalleryError(
            f"{len(strange)} labels name no tracklet of the gallery", found=f"first {min(strange)!r}"
        )
    return [replace(record, label=labels.get(record.key)) for record in records]


def measure(judged: Judged, *, across: bool = False) -> tuple[OpenSet, int]:
    """Let every tracklet ask for its person, and for nobody.

    Args:
        judged: with at least one pair of the same person and one of different people.
        across: only compare tracklets of different cameras.

    Returns:
        the searches, and the number of rows in the median impostor's search.

    Raises:
        GalleryError: nobody is known to be the same, or nobody to be different.

    """
    right, impostor, rows = [], [], []
    for start in range(0, len(judged.records), _BLOCK):
        block = slice(start, start + _BLOCK)
        mates, strangers = _known(judged, block, across=across)
        scores = judged.vectors[block] @ judged.vectors.T
        some = open_set_scores(scores, mates, strangers)
        right.append(some[0])
        impostor.append(some[1])
        counts = strangers.sum(axis=1)
        rows.append(counts[counts > 0])
    found = [np.concatenate(parts) if parts else np.empty(0) for parts in (right, impostor)]
    if not len(found[0]) or not len(found[1]):
        lacking = "the same person" if not len(found[0]) else "different people"
        raise GalleryError(
            f"No two tracklets are known to be of {lacking}",
            expected="labels, or several people in one camera at a time",
            found=f"{len(judged.records)} tracklets",
            hint="--labels FILE.csv with columns key,person",
        )
    return OpenSet(*found), int(np.median(np.concatenate(rows)))


def calibrate(judged: Judged, *, far: float = 0.01, across: bool = False) -> tuple[Calibration, OpenSet]:
    """The threshold for a wanted false-accept rate, and the searches that it comes from.

    Raises:
        GalleryError: nobody is known to be the same, or nobody to be different.
        RankingError: `far` is not between 0 and 1.

    """
    searches, rows = measure(judged, across=across)
    threshold = searches.threshold(far)
    calibration = Calibration(
        threshold=threshold,
        far=far,
        method="labels" if judged.complete else "time split",
        searches=len(searches.right),
        impostors=len(searches.impostor),
        rows=rows,
        dir_at_threshold=searches.identification_rate(threshold),
        dir_at_1=searches.dir_at_far(0.01),
        dir_at_10=searches.dir_at_far(0.10),
    )
    return calibration, searches


def _codes(names: Sequence[Hashable]) -> Int64[np.ndarray, " N"]:
    """A number for every different name."""
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def _known(
    judged: Judged, block: slice, *, across: bool
) -> tuple[Bool[np.ndarray, "Q G"], Bool[np.ndarray, "Q G"]]:
    """Who is a mate of each of the block's tracklets, and who a stranger."""
    same = judged.same
    camera = _codes([r.camera for r in judged.records])
    clock = _codes([(r.camera, r.clock) for r in judged.records])
    first, last = (
        np.array([np.nan if t is None else t for t in times])
        for times in ([r.first for r in judged.records], [r.last for r in judged.records])
    )
    one_camera = camera[block, None] == camera
    one_clock = clock[block, None] == clock  # two videos of a camera both begin at 0
    at_once = one_clock & (first[block, None] <= last) & (first <= last[block, None])
    mates = (same[block, None] == same) & (same >= 0)
    strangers = at_once.copy()
    if judged.complete:
        strangers |= (same[block, None] != same) & (same[block, None] >= 0) & (same >= 0)
    strangers &= ~mates
    mates[np.arange(len(mates)), np.arange(block.start, block.start + len(mates))] = False
    strangers[np.arange(len(mates)), np.arange(block.start, block.start + len(mates))] = False
    if across:
        mates &= ~one_camera
        strangers &= ~one_camera
    return mates, strangers
