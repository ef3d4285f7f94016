"""Whether somebody is a person that somebody waits for: once for each visit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stca.watch.people.sightings import Sighting, Vector, best_like


@dataclass(frozen=True, slots=True)
class Alert:
    """A tracklet is a wanted person, says the score.

    Args:
        wanted: as `--alert` was given.
        key: the tracklet's.
        score: cosine to the most similar tracklet of the wanted person.
        like: the key of that one.

    """

    wanted: str
    key: str
    score: float
    like: str


@dataclass(slots=True)
class Wanted:
    """A person that somebody waits for.

    Args:
        name: as `--alert` was given: a person's number, a tracklet's key, or a saved search's name.
        rows: gives the tracklets by which they are known.
        cameras: where they are waited for; None: everywhere.
        last: moment at which they were last in view.
        alerted: tracklets of this visit that they were found in.

    """

    name: str
    rows: Callable[[], Sequence[Sighting]]
    cameras: frozenset[str] | None = None
    last: float = float("-inf")
    alerted: set[str] = field(default_factory=set)


class Alerts:
    """Compares every tracklet with the wanted people.

    Args:
        wanted: who.
        threshold: least cosine, calibrated for one search.
        visit: seconds out of view after which a coming back is another visit.

    """

    def __init__(self, wanted: Sequence[Wanted], threshold: float, visit: float) -> None:
        self._wanted, self.threshold, self._visit = tuple(wanted), threshold, visit

    def check(
        self,
        key: str,
        camera: str,
        *,
        first: float,
        last: float,
        vector: Vector,
        excluded: frozenset[str] = frozenset(),
    ) -> list[Alert]:
        """Alerts for a tracklet with a new vector.

        Args:
            key: its key.
            camera: its camera's name.
            first: moment of its first box.
            last: of its last.
            vector: (D,), of unit length.
            excluded: tracklets that people said are somebody else.

        """
        found = []
        for each in self._wanted:
            if each.cameras is not None and camera not in each.cameras:
                continue
            rows = [row for row in each.rows() if row.key != key and row.key not in excluded]
            best = best_like(vector, rows)
            if best is None or best[0] < self.threshold:
                continue
            same_visit = key in each.alerted or first - each.last <= self._visit
            if not same_visit:
                each.alerted.clear()
            each.alerted.add(key)
            each.last = max(each.last, last)
            if not same_visit:
                found.append(Alert(each.name, key, best[0], best[1].key))
        return found

    def extend(self, key: str, last: float) -> None:
        """A tracklet is still in view, and so is whom it was found to be."""
        for each in self._wanted:
            if key in each.alerted:
                each.last = max(each.last, last)
