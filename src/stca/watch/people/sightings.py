"""Tracklets as deciding sees them, and what of them cannot be one person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from stca.gallery.corrections import Resolved
from stca.gallery.records import share_time
from stca.linking.constraints import Travel

Vector = Float32[np.ndarray, " D"]


@dataclass(slots=True, eq=False)
class Sighting:
    """A tracklet, finished or still walking.

    Args:
        key: the gallery's.
        camera: its name.
        first, last: moments (`stca.watch.clock.WallClock`), in seconds; None: not comparable with others.
        vector: of unit length.
        person: that it was decided to be; 0: not yet.
        decided: moment of the first decision; -inf: it is final.
        stored: whether the gallery has it.

    """

    key: str
    camera: str
    first: float | None
    last: float | None
    vector: Vector
    person: int = 0
    decided: float = float("-inf")
    stored: bool = False


@dataclass(slots=True)
class Said:
    """What people said about who is who, for single tracklets.

    Args:
        groups: the tracklets that are known to be one person with a tracklet, itself among them, by key.
        enemies: tracklets that stand for those that are known to be somebody else, by key.

    """

    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    enemies: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, resolved: Resolved) -> Said:
        """What corrections say together."""
        said = cls({key: frozenset(group) for group in resolved.groups for key in group})
        for a, b in resolved.apart:
            for one, other in ((a, b), (b, a)):
                for key in said.groups.get(one, frozenset((one,))):
                    said.enemies.setdefault(key, set()).update(said.groups.get(other, frozenset((other,))))
        return said

    def binds(self, key: str) -> bool:
        """Whether anything was said about a tracklet: then only people move it."""
        return key in self.groups or key in self.enemies


def can_be_one(a: Sighting, b: Sighting, *, travel: Travel, said: Said) -> bool:
    """Whether two tracklets may be one person.

    Not if one camera saw both at once (`share_time`), or if the way between their cameras takes longer than
    was between them. What people said comes first.
    """
    if b.key in said.groups.get(a.key, ()):
        return True
    if b.key in said.enemies.get(a.key, ()):
        return False
    if a.first is None or a.last is None or b.first is None or b.last is None:
        return True
    if a.camera == b.camera:
        return not share_time(a.first, a.last, b.first, b.last)
    least = travel.get((min(a.camera, b.camera), max(a.camera, b.camera)))
    return least is None or max(a.first - b.last, b.first - a.last) >= least


class Means:
    """The sum of the vectors of every person, to compare one vector with all of them at once."""

    def __init__(self, dim: int) -> None:
        self._sums = np.zeros((16, dim), dtype=np.float64)
        self._counts = np.zeros(16, dtype=np.int64)
        self._rows: dict[int, int] = {}
        self._persons = np.zeros(16, dtype=np.int64)

    def add(self, person: int, vector: Vector, sign: int = 1) -> None:
        """Add a tracklet's vector to its person (`sign` 1), or take it away (-1)."""
        if person not in self._rows:
            self._rows[person] = len(self._rows)
            if len(self._rows) > len(self._counts):
                more = len(self._counts)
                self._sums = np.vstack([self._sums, np.zeros_like(self._sums)])
                self._counts, self._persons = (
                    np.concatenate([each, np.zeros(more, dtype=np.int64)])
                    for each in (self._counts, self._persons)
                )
            self._persons[self._rows[person]] = person
        row = self._rows[person]
        self._sums[row] += sign * vector.astype(np.float64)
        self._counts[row] += sign
        if not self._counts[row]:
            self._sums[row] = 0  # rounding must not add up

    def scores(self, total: np.ndarray, count: int) -> list[tuple[float, int]]:
        """(mean cosine, person) of every person with tracklets, best first.

        Args:
            total: (D,) the sum of `count` unit vectors that they are compared with.
            count: how many.

        """
        rows = np.flatnonzero(self._counts[: len(self._rows)])
        found = self._sums[rows] @ total / (self._counts[rows] * count)
        order = np.lexsort((self._persons[rows], -found))
        return [(float(found[i]), int(self._persons[rows[i]])) for i in order]

    def sum_of(self, person: int) -> tuple[np.ndarray, int]:
        """The sum of a person's vectors, and how many they are."""
        row = self._rows[person]
        return self._sums[row], int(self._counts[row])


def best_like(vector: Vector, others: Iterable[Sighting]) -> tuple[float, Sighting] | None:
    """The most similar of some tracklets, and its cosine; None where there are none."""
    found = [(float(vector @ other.vector), other) for other in others]
    return max(found, key=lambda pair: pair[0], default=None)


Members = Mapping[int, Mapping[str, Sighting]]
"""Tracklets by key, by person."""
