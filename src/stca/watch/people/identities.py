"""Who a tracklet is, decided as soon as it can be seen and revised while evidence comes.

A new tracklet is the person to whose tracklets its mean cosine is greatest, from the threshold on and if
times, ways and corrections allow it; else it is somebody new. Within a window after its first decision, a
tracklet moves where it fits better by a margin, and leaves where it no longer fits; two persons become one
where the mean cosine between all their tracklets reaches the threshold, which is also `stca link`'s rule, as
long as one of them is new. After that, only people change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from stca.gallery.corrections import Resolved
from stca.linking.constraints import Travel
from stca.watch.people.decisions import Decision
from stca.watch.people.sightings import Means, Said, Sighting, Vector, best_like, can_be_one

MARGIN = 0.05
"""Cosine by which another person must fit better, or the present one worse than the threshold, to revise."""


class Identities:
    """The persons so far, and the rule by which tracklets join them.

    Args:
        threshold: least mean cosine of one person.
        dim: D, of the vectors.
        new_number: gives the number of somebody new; none is given twice.
        window: seconds in which a decision may be revised.
        travel: least seconds between cameras, by their names in alphabetical order.
        margin: see `MARGIN`.

    """

    def __init__(
        self,
        threshold: float,
        *,
        dim: int,
        new_number: Callable[[], int],
        window: float = 60.0,
        travel: Travel | None = None,
        margin: float = MARGIN,
    ) -> None:
        self.threshold, self._window, self._margin = threshold, window, margin
        self._new_number = new_number
        self._travel = {(min(pair), max(pair)): seconds for pair, seconds in (travel or {}).items()}
        self._said = Said()
        self._sightings: dict[str, Sighting] = {}
        self._members: dict[int, dict[str, Sighting]] = {}
        self._born: dict[int, float] = {}
        self._means = Means(dim)

    def __getitem__(self, key: str) -> Sighting:
        return self._sightings[key]

    def __contains__(self, key: str) -> bool:
        return key in self._sightings

    def of_person(self, person: int) -> list[Sighting]:
        """A person's tracklets."""
        return list(self._members.get(person, {}).values())

    def sightings(self) -> list[Sighting]:
        """All tracklets."""
        return list(self._sightings.values())

    def enemies(self, key: str) -> frozenset[str]:
        """Tracklets that people said are somebody else than this one."""
        return frozenset(self._said.enemies.get(key, ()))

    def know(self, sighting: Sighting) -> None:
        """A tracklet whose person is known; it is not decided again."""
        self._put(sighting, sighting.person)

    def resume(self, sighting: Sighting, now: float) -> None:
        """A tracklet that an earlier process said to be a person; it may be revised."""
        sighting.decided = now
        self._put(sighting, sighting.person)

    def bound(self, key: str) -> bool:
        """Whether people said something about a tracklet."""
        return self._said.binds(key)

    def observe(
        self, key: str, camera: str, *, first: float, last: float, vector: Vector, now: float
    ) -> list[Decision]:
        """A tracklet, new, or with a better vector and a later end.

        Args:
            key: its key.
            camera: its name.
            first: moment of its first box.
            last: of its last.
            vector: (D,), of unit length.
            now: the present moment.

        Returns:
            what was decided anew, of this tracklet and of others; of a new one at least who it is.

        """
        sighting = self._sightings.get(key)
        if sighting is None:
            sighting = Sighting(key, camera, first, last, vector)
            sighting.decided = now
            decisions = [self._decide_first(sighting, now)]
        else:
            person = sighting.person
            self._take(sighting)
            sighting.first, sighting.last, sighting.vector = first, last, vector
            self._put(sighting, person)
            decisions = self._decide_again(sighting, now)
        return [*decisions, *self._merge(sighting.person, now)]

    def extend(self, key: str, last: float) -> None:
        """A tracklet is still there."""
        if key in self._sightings:
            self._sightings[key].last = last

    def join(self, key: str, later: str) -> list[Decision]:
        """Tracking found two tracklets to be one: `later` is now part of `key`."""
        gone, stays = self._sightings.pop(later, None), self._sightings.get(key)
        if gone is None:
            return []
        before = gone.person
        self._take(gone)
        if stays is None:
            gone.key = key
            self._put(gone, before)
            stays = gone
        stays.last = gone.last
        return [Decision(later, gone.camera, stays.person, before, "joined", into=key)]

    def withdraw(self, key: str) -> list[Decision]:
        """A tracklet was none after all."""
        gone = self._sightings.pop(key, None)
        if gone is None:
            return []
        self._take(gone)
        return [Decision(key, gone.camera, None, gone.person, "withdrawn")]

    def correct(
        self, resolved: Resolved, persons: Mapping[str, int | None], *, renumbered: bool, now: float
    ) -> list[Decision]:
        """People have corrected persons, or numbered them anew: follow them, and be bound from now on.

        Args:
            resolved: what their corrections say.
            persons: person by key, of the tracklets in the gallery; None, or no entry: it has none.
            renumbered: `stca link` gave new numbers: who is not in the gallery yet is decided again.
            now: the present moment.

        """
        self._said = Said.of(resolved)
        decisions = []
        for sighting in self.sightings():
            before = sighting.person
            if sighting.stored and persons.get(sighting.key, before) != before:
                self._take(sighting)
                person = persons[sighting.key]
                if person is None:
                    del self._sightings[sighting.key]
                else:
                    self._put(sighting, person)
                decisions.append(Decision(sighting.key, sighting.camera, person, before, "corrected"))
        if renumbered:
            walking = [sighting for sighting in self.sightings() if not sighting.stored]
            for sighting in walking:
                self._take(sighting)
            for sighting in walking:
                before = sighting.person
                found = self._decide_first(sighting, now)
                if found.person != before:
                    decisions.append(
                        Decision(sighting.key, sighting.camera, found.person, before, "corrected")
                    )
        return decisions

    # ---- deciding ----

    def _decide_first(self, sighting: Sighting, now: float) -> Decision:
        """Of a tracklet that is no person's."""
        found = self._best(sighting, without=None)
        if found is None:
            person = self._new_number()
            self._born[person] = now
            self._put(sighting, person)
            return Decision(sighting.key, sighting.camera, person, None, "new")
        score, person = found
        like = best_like(sighting.vector, self.of_person(person))
        self._put(sighting, person)
        return Decision(
            sighting.key, sighting.camera, person, None, "match", score, None if like is None else like[1]
        )

    def _decide_again(self, sighting: Sighting, now: float) -> list[Decision]:
        if now - sighting.decided > self._window or self._said.binds(sighting.key):
            return []
        before = sighting.person
        others = [each for each in self.of_person(before) if each is not sighting]
        own = float(np.mean([sighting.vector @ each.vector for each in others])) if others else None
        best = self._best(sighting, without=before)
        fits = own is None or (
            own >= self.threshold - self._margin and all(self._can_be_one(sighting, each) for each in others)
        )
        better = best is not None and (own is None or not fits or best[0] > own + self._margin)
        if fits and not better:
            return []
        self._take(sighting)
        if better and best is not None:
            score, person = best
            like = best_like(sighting.vector, self.of_person(person))
            self._put(sighting, person)
            found = None if like is None else like[1]
            return [Decision(sighting.key, sighting.camera, person, before, "better match", score, found)]
        person = self._new_number()
        self._born[person] = now
        self._put(sighting, person)
        return [Decision(sighting.key, sighting.camera, person, before, "no longer alike", own)]

    def _best(self, sighting: Sighting, *, without: int | None) -> tuple[float, int] | None:
        """The person that fits best, of those that may be; None where nobody reaches the threshold."""
        for score, person in self._means.scores(sighting.vector.astype(np.float64), 1):
            if score < self.threshold:
                return None
            if person != without and self._may_join(sighting, person):
                return score, person
        return None

    def _may_join(self, sighting: Sighting, person: int) -> bool:
        return all(self._can_be_one(sighting, other) for other in self.of_person(person))

    def _can_be_one(self, a: Sighting, b: Sighting) -> bool:
        return can_be_one(a, b, travel=self._travel, said=self._said)

    def _merge(self, person: int, now: float) -> list[Decision]:
        """Make a person one with the one that fits best, if either is new; the lower number stays."""
        members = self.of_person(person)
        if len(members) < 2 and not self._is_new(person, now):
            return []
        total, count = self._means.sum_of(person)
        for score, other in self._means.scores(total, count):
            if score < self.threshold:
                break
            if other == person or not (self._is_new(person, now) or self._is_new(other, now)):
                continue
            theirs = self.of_person(other)
            gone, stays = (members, theirs) if self._is_younger(person, other) else (theirs, members)
            if any(self._said.binds(each.key) for each in gone):
                continue
            if all(self._can_be_one(a, b) for a in gone for b in stays):
                into, before = stays[0].person, gone[0].person
                for each in gone:
                    self._take(each)
                    self._put(each, into)
                return [Decision(each.key, each.camera, into, before, "merged", score) for each in gone]
        return []

    def _is_new(self, person: int, now: float) -> bool:
        return now - self._born.get(person, float("-inf")) <= self._window

    def _is_younger(self, person: int, other: int) -> bool:
        old = float("-inf")
        return (self._born.get(person, old), person) > (self._born.get(other, old), other)

    # ---- bookkeeping ----

    def _put(self, sighting: Sighting, person: int) -> None:
        sighting.person = person
        self._sightings[sighting.key] = sighting
        self._members.setdefault(person, {})[sighting.key] = sighting
        self._means.add(person, sighting.vector)

    def _take(self, sighting: Sighting) -> None:
        """Out of its person; it stays known."""
        members = self._members[sighting.person]
        del members[sighting.key]
        if not members:
            del self._members[sighting.person]
        self._means.add(sighting.person, sighting.vector, -1)
