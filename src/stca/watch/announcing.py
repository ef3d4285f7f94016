"""Decisions to events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stca.watch.clock import WallClock, iso
from stca.watch.events import Event
from stca.watch.people.alerts import Alert
from stca.watch.people.decisions import Decision
from stca.watch.people.sightings import Sighting
from stca.watch.thresholds import GalleryThresholds


class Announcer:
    """Makes events of what was decided.

    Args:
        clock: of the moments.
        names: of persons, by number; may change.
        thresholds: by which is decided; may change.

    """

    def __init__(self, clock: WallClock, names: Mapping[int, str], thresholds: GalleryThresholds) -> None:
        self._clock, self.names, self._thresholds = clock, names, thresholds

    def decided(self, decisions: Sequence[Decision], *, first: Mapping[str, float]) -> list[Event]:
        """Events of decisions; `first` is when a tracklet began, by key."""
        return [event for decision in decisions for event in self._decided(decision, first)]

    def lost(self, sighting: Sighting, reason: str) -> Event:
        """A tracklet has ended."""
        since, until = (self._clock.wall(time or 0.0) for time in (sighting.first, sighting.last))
        return self.lost_before(
            sighting.camera, sighting.key, sighting.person, since=since, until=until, reason=reason
        )

    def lost_before(
        self, camera: str, key: str, person: int, *, since: float, until: float, reason: str
    ) -> Event:
        """As `lost`, in POSIX seconds."""
        more = {"since": iso(since), "reason": reason}
        return Event("lost", until, camera, key, person, self.names.get(person), more)

    def alert(self, alert: Alert, sighting: Sighting) -> Event:
        """A wanted person is there."""
        threshold = self._thresholds.alert
        more = {
            "wanted": alert.wanted,
            "like": alert.like,
            "score": round(alert.score, 4),
            "threshold": round(threshold.value, 4),
            "false_accept_rate": threshold.far,
            "calibrated": threshold.calibrated,
        }
        when = self._clock.wall(self._clock.now())
        name = self.names.get(sighting.person)
        return Event("alert", when, sighting.camera, sighting.key, sighting.person, name, more)

    def _decided(self, decision: Decision, first: Mapping[str, float]) -> list[Event]:
        person, score = decision.person, None if decision.score is None else round(decision.score, 4)
        name = None if person is None else self.names.get(person)
        now = self._clock.wall(self._clock.now())
        if decision.before is not None:
            more: dict[str, Any] = {
                "before": decision.before,
                "reason": decision.reason,
                "score": score,
                "into": decision.into,
            }
            return [Event("revised", now, decision.camera, decision.key, person, name, more)]
        began = self._clock.wall(first[decision.key]) if decision.key in first else now
        seen = Event(
            "seen", began, decision.camera, decision.key, person, name, {"new": decision.reason == "new"}
        )
        if decision.like is None:
            return [seen]
        like = decision.like
        last = 0.0 if like.last is None else self._clock.wall(like.last)
        more = {
            "score": score,
            "threshold": round(self._thresholds.decide.value, 4),
            "like": {"tracklet": like.key, "camera": like.camera, "last": iso(last)},
        }
        return [seen, Event("same_person_as", began, decision.camera, decision.key, person, name, more)]
