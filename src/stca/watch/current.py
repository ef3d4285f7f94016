"""The tracklets that the gallery does not have yet: embedded, decided, said, and at their end stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stca.tracks import FoundTracklet
from stca.watch.announcing import Announcer
from stca.watch.cameras.messages import Finished, Grew, Joined
from stca.watch.clock import WallClock
from stca.watch.events import Outbox
from stca.watch.events.outbox import Walking
from stca.watch.people.alerts import Alerts
from stca.watch.people.decisions import Decision
from stca.watch.people.embedding import SharedEmbedder
from stca.watch.people.identities import Identities
from stca.watch.people.pieces import Due, Pieces
from stca.watch.people.sightings import Sighting, Vector
from stca.watch.storing import Persons, ended_tracklet
from stca.watch.thresholds import GalleryThresholds


@dataclass(frozen=True, slots=True)
class Parts:
    """What deciding needs.

    Args:
        clock: of the moments.
        identities: the persons.
        persons: their side in the gallery.
        alerts: for wanted people.
        announcer: makes events.
        embedder: of the gallery's model.
        outbox: keeps what is said.
        thresholds: of the gallery.

    """

    clock: WallClock
    identities: Identities
    persons: Persons
    alerts: Alerts
    announcer: Announcer
    embedder: SharedEmbedder
    outbox: Outbox
    thresholds: GalleryThresholds


@dataclass(slots=True)
class Current:
    """A tracklet that the gallery does not have yet.

    Args:
        key: the gallery's.
        camera: its name.
        first, last: moments.
        heard: moment at which it was last heard of.
        crops: to be embedded; empty: nothing new.
        folder: where it lies, once it has ended.
        lost: whether it was said to be lost.
        cut: whether it has ended although its person was still there.

    """

    key: str
    camera: str
    first: float
    last: float
    heard: float
    crops: tuple[Path, ...] = ()
    folder: Path | None = None
    lost: bool = False
    cut: bool = False


class CurrentTracklets:
    """All of them.

    Args:
        parts: what deciding needs.
        tracks: the folder of all cameras' folders.
        lost_after: seconds without a box after which somebody is lost.

    Attributes:
        last_person: the last that was seen, by camera.

    """

    def __init__(self, parts: Parts, tracks: Path, lost_after: float) -> None:
        self._parts, self._tracks, self._lost_after = parts, tracks, lost_after
        self._tracklets: dict[str, Current] = {}
        self._pieces = Pieces(parts.embedder)
        self.last_person: dict[str, int] = {}

    @property
    def waiting(self) -> bool:
        """Whether there is something to embed or to store."""
        return any(each.crops or each.folder for each in self._tracklets.values())

    def behind(self) -> tuple[int, float]:
        """Tracklets that have ended and are not in the gallery yet, and for how many seconds the oldest."""
        ended = [each.heard for each in self._tracklets.values() if each.folder is not None]
        return len(ended), self._parts.clock.now() - min(ended) if ended else 0.0

    def in_view(self) -> dict[str, int]:
        """How many people are in view, by camera."""
        counts: dict[str, int] = {}
        for each in self._tracklets.values():
            if not each.lost and each.folder is None and each.key in self._parts.identities:
                counts[each.camera] = counts.get(each.camera, 0) + 1
        return counts

    # ---- what cameras tell ----

    def grew(self, camera: str, told: Grew) -> None:
        """A tracklet has more good crops."""
        each = self._get(camera, told.track, told.first, told.last)
        each.first, each.last = told.first, told.last
        each.crops = tuple(map(Path, told.crops))

    def still_there(self, camera: str, last: dict[int, float]) -> None:
        """The moments of the last boxes of a camera's tracklets, by track number."""
        for track, moment in last.items():
            each = self._tracklets.get(_key(camera, track))
            if each is not None and moment > each.last:
                each.last, each.heard = moment, self._parts.clock.now()
                self._parts.identities.extend(each.key, moment)
                self._parts.alerts.extend(each.key, moment)

    def joined(self, camera: str, told: Joined) -> None:
        """One tracklet was part of another."""
        key, gone = _key(camera, told.track), _key(camera, told.later)
        other = self._tracklets.pop(gone, None)
        if other is None:
            return
        each = self._get(camera, told.track, other.first, other.last)
        each.last, each.lost = max(each.last, other.last), False
        decisions = self._parts.identities.join(key, gone)
        walking: dict[str, Walking | None] = {gone: None}
        if key in self._parts.identities:
            walking[key] = self._walking(each)
        self._parts.outbox.put(self._parts.announcer.decided(decisions, first={}), walking=walking)

    def finished(self, camera: str, told: Finished) -> None:
        """A tracklet has ended and lies in its folder."""
        each = self._get(camera, told.track, told.first, told.last)
        found = ended_tracklet(self._tracks / each.key)
        if found is None:
            self.withdraw(each.key)
            return
        each.first, each.last, each.cut = told.first, told.last, told.cut
        self._parts.identities.extend(each.key, told.last)  # earlier than before, of a track that was cut
        each.folder, each.crops = found.folder, found.frames

    def dropped(self, camera: str, track: int) -> None:
        """A tracklet has too few crops left."""
        self.withdraw(_key(camera, track))

    def camera_died(self, camera: str, recovered: Sequence[Path]) -> None:
        """A camera's process is gone; `recovered` are folders of tracklets that walked then."""
        for folder in recovered:
            found = ended_tracklet(folder)
            if found is not None and found.record is not None:
                first, last = (self._parts.clock.moment(t) for t in (found.record.first, found.record.last))
                self.finished(camera, Finished(int(folder.name), first, last))
        for each in [each for each in self._tracklets.values() if each.camera == camera]:
            if each.folder is None:
                self.withdraw(each.key)

    def withdraw(self, key: str) -> None:
        """A tracklet was none, or too little is left of it."""
        self._tracklets.pop(key, None)
        if decisions := self._parts.identities.withdraw(key):
            self._parts.outbox.put(self._parts.announcer.decided(decisions, first={}), walking={key: None})

    # ---- deciding ----

    def embed(self) -> None:
        """One piece of all cameras' work: first who was never said, then who ended, then who got better."""
        identities = self._parts.identities
        due = [each for each in self._tracklets.values() if each.crops]
        due.sort(key=lambda each: (each.key in identities, each.folder is None, each.first))
        through = self._pieces.embed(Due(each.key, each.crops, each.key not in identities) for each in due)
        for key, found in through.items():
            each = self._tracklets[key]
            if found.whole:
                each.crops = ()
            if found.vector is not None:
                self._decide(each, found.vector)
            if found.whole and each.folder is not None:
                self._store(each)

    def follow_people(self) -> None:
        """Take what people corrected, numbered anew or removed in the gallery."""
        decisions = self._parts.persons.follow()
        self._parts.announcer.names = self._parts.persons.names
        self._put(decisions)

    def lose_silent(self, *, playing: frozenset[str]) -> None:
        """Say that those are lost who have no box for long: tracking waits for the camera's next frame.

        Args:
            playing: cameras whose frames come.

        """
        now = self._parts.clock.now()
        for each in list(self._tracklets.values()):
            if now - max(each.last, each.heard) > self._lost_after:
                self._lose(each, "silent" if each.camera in playing else "camera")

    def add_ended(self, found: FoundTracklet, vector: Vector, said: Walking | None) -> None:
        """A tracklet that an earlier process left, and what it had said of it."""
        assert found.record is not None
        clock = self._parts.clock
        first, last = clock.moment(found.record.first), clock.moment(found.record.last)
        each = Current(found.key, found.camera, first, last, clock.now(), folder=found.folder)
        self._tracklets[each.key] = each
        if said is None:
            self._decide(each, vector)
        else:
            each.lost = said.lost
            sighting = Sighting(each.key, each.camera, first, last, vector, said.person)
            self._parts.identities.resume(sighting, clock.now())
        self._lose(each, "restart")
        self._store(each)

    def lose_all(self) -> None:
        """The watching ends."""
        for each in list(self._tracklets.values()):
            self._lose(each, "left")

    def _decide(self, each: Current, vector: Vector) -> None:
        parts = self._parts
        decisions = parts.identities.observe(
            each.key, each.camera, first=each.first, last=each.last, vector=vector, now=parts.clock.now()
        )
        self._put(decisions, each)
        sighting = parts.identities[each.key]
        self.last_person[each.camera] = sighting.person
        if not parts.persons.move(decisions):
            self.follow_people()
        alerts = parts.alerts.check(
            each.key,
            each.camera,
            first=each.first,
            last=each.last,
            vector=vector,
            excluded=parts.identities.enemies(each.key),
        )
        if alerts:
            parts.outbox.put([parts.announcer.alert(alert, sighting) for alert in alerts])

    def _put(self, decisions: Sequence[Decision], each: Current | None = None) -> None:
        """Say decisions, and note what is said now of tracklets that the gallery does not have."""
        keys = {decision.key for decision in decisions} | ({each.key} if each else set())
        known = [key for key in keys if key in self._tracklets and key in self._parts.identities]
        if not (decisions or known):
            return
        walking = {key: self._walking(self._tracklets[key]) for key in known}
        first = {key: self._tracklets[key].first for key in known}
        self._parts.outbox.put(self._parts.announcer.decided(decisions, first=first), walking=walking)

    def _store(self, each: Current) -> None:
        """Say that a tracklet that has ended is lost, and give it to the gallery."""
        found = None if each.folder is None else ended_tracklet(each.folder)
        if found is None or each.key not in self._parts.identities:
            self.withdraw(each.key)
            return
        self._lose(each, "cut" if each.cut else "left")
        sighting = self._parts.identities[each.key]
        self._parts.persons.add(found, sighting.vector, sighting.person)
        self._parts.outbox.put([], walking={each.key: None})
        del self._tracklets[each.key]

    def _lose(self, each: Current, reason: str) -> None:
        if each.lost or each.key not in self._parts.identities:
            return
        each.lost = True
        event = self._parts.announcer.lost(self._parts.identities[each.key], reason)
        self._parts.outbox.put([event], walking={each.key: self._walking(each)})

    def _walking(self, each: Current) -> Walking:
        first, last = self._parts.clock.wall(each.first), self._parts.clock.wall(each.last)
        person = self._parts.identities[each.key].person
        return Walking(each.key, each.camera, person, first, last, each.lost)

    def _get(self, camera: str, track: int, first: float, last: float) -> Current:
        key, now = _key(camera, track), self._parts.clock.now()
        each = self._tracklets.setdefault(key, Current(key, camera, first, last, now))
        each.heard = now
        return each


def _key(camera: str, track: int) -> str:
    return f"{camera}/{track:04d}"
