"""Between the persons in memory and those of the gallery: load, add, move, and follow what people correct."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from stca.errors import DatasetError, GalleryError, GalleryFileError
from stca.gallery import Gallery, record_of
from stca.gallery.adding import crops_digest
from stca.gallery.corrections import resolve
from stca.gallery.cross_camera import keep_public_threshold
from stca.gallery.records import Record
from stca.linking.persons import person_names
from stca.tools.lookup import suggest
from stca.tracks import FoundTracklet, find_tracklets, read_track
from stca.watch.clock import WallClock
from stca.watch.people.alerts import Wanted
from stca.watch.people.decisions import Decision
from stca.watch.people.identities import Identities
from stca.watch.people.saved_searches import saved_searches
from stca.watch.people.sightings import Sighting, Vector
from stca.watch.thresholds import GROWN


class Persons:
    """The gallery's side of `Identities`.

    Args:
        gallery: writable.
        identities: still empty; gets everybody whom the gallery has.
        clock: of the moments.

    """

    def __init__(self, gallery: Gallery, identities: Identities, clock: WallClock) -> None:
        self._gallery, self._identities, self._clock = gallery, identities, clock
        self._log = gallery.log_state()
        self._linkings = gallery.linkings()
        self.rows = self._calibrated = 0  # whatever there is was stored by others
        self.unlinked = 0
        """Tracklets of the gallery without a person, with which nobody is compared."""
        hidden = gallery.hidden()
        self.every = [
            sighting_of(record, vector, clock) for record, vector in zip(*gallery.table(), strict=True)
        ]
        for sighting in self.every:
            if sighting.key not in hidden and sighting.person:
                identities.know(sighting)
            elif sighting.key not in hidden:
                self.unlinked += 1
        self.rows = len(self.every)
        self.names = person_names(gallery)
        self._correct(renumbered=False)

    def wanted(self, names: Sequence[str]) -> list[Wanted]:
        """The people of `--alert`: a person's tracklets by number, one by its key, that of a saved search.

        Raises:
            GalleryError: there is no such person, tracklet or saved search.

        """
        found = []
        saved = saved_searches(self._gallery) if names else []
        for name in names:
            rows = [each for each in self.every if name in (each.key, str(each.person)) and name != "0"]
            asked = {} if rows else {each.key: each.cameras for each in saved if each.name == name}
            searched = [each for each in self.every if each.key in asked]
            if not rows and not searched:
                close = suggest(name, [*(each.key for each in self.every), *(each.name for each in saved)])
                raise GalleryError(
                    "The gallery has nobody to give an alert for",
                    expected="a person's number, a tracklet's key, or the name of a saved search",
                    found=name,
                    where=self._gallery.where,
                    hint=f"did you mean {close!r}?" if close else "see `stca person list`",
                )
            if rows:
                found.append(self._wanted(name, rows, None))
            found += [self._wanted(name, [row], asked[row.key]) for row in searched]
        return found

    def _wanted(self, name: str, rows: Sequence[Sighting], cameras: frozenset[str] | None) -> Wanted:
        return Wanted(name, lambda: self._still_there(rows), cameras)

    def next_number(self, camera: str) -> int:
        """The first track number from which on no key of this camera is in the gallery."""
        parts = (each.key.rpartition("/") for each in self.every)
        return max((int(n) for name, _, n in parts if name == camera and n.isdecimal()), default=-1) + 1

    def add(self, found: FoundTracklet, vector: Vector, person: int) -> None:
        """A tracklet that has ended, with its person, durably."""
        record = replace(record_of(found, crops_digest(found)), person=person)
        added = self._gallery.add([record], np.asarray(vector)[None], replace=True)
        self.rows += added.added
        if found.key in self._identities:
            self._identities[found.key].stored = True
        if self.rows > GROWN * self._calibrated:
            # Searches go by it, and larger galleries need higher ones.
            with suppress(GalleryFileError):  # a damaged one, which `GalleryThresholds.follow` says
                keep_public_threshold(self._gallery)
                self._calibrated = self.rows

    def move(self, decisions: Sequence[Decision]) -> bool:
        """Write revised persons of tracklets that the gallery has; False if people corrected meanwhile.

        Then `follow` takes what they did, and what was decided here is given up where it differs.
        """
        moved = {
            each.key: each.person
            for each in decisions
            if each.before is not None and each.key in self._identities and self._identities[each.key].stored
        }
        if not moved:
            return True
        return self._gallery.set_persons(moved, log=self._log, anew=False)

    def follow(self) -> list[Decision]:
        """What people corrected, numbered anew or removed since the last call."""
        if len(self._gallery) != self.rows:
            self._forget_removed()
        log, linkings = self._gallery.log_state(), self._gallery.linkings()
        if (log, linkings) == (self._log, self._linkings):
            return []
        renumbered = linkings != self._linkings
        self._log, self._linkings = log, linkings
        self.names = person_names(self._gallery)
        return self._correct(renumbered=renumbered)

    def _still_there(self, rows: Sequence[Sighting]) -> list[Sighting]:
        return [row for row in rows if row.key not in self._removed]

    _removed: frozenset[str] = frozenset()

    def _forget_removed(self) -> None:
        """Tracklets that somebody removed are nobody's any longer, here too."""
        stored = {each.key for each in self._identities.sightings() if each.stored}
        stored |= {each.key for each in self.every}
        gone = stored - self._gallery.known(sorted(stored)).keys()
        for key in gone:
            self._identities.withdraw(key)
        self._removed |= gone
        self.every = [each for each in self.every if each.key not in gone]
        self.rows, self._calibrated = len(self._gallery), 0

    def _correct(self, *, renumbered: bool) -> list[Decision]:
        hidden = dict.fromkeys(self._gallery.hidden())
        keys = [each.key for each in self._identities.sightings() if each.stored]
        persons = self._gallery.persons_of(keys) | hidden
        resolved = resolve(self._gallery.corrections())
        return self._identities.correct(resolved, persons, renumbered=renumbered, now=self._clock.now())


def sighting_of(record: Record, vector: Vector, clock: WallClock) -> Sighting:
    """A tracklet of the gallery; person 0 where it has none."""
    timed = not record.clock and record.first is not None and record.last is not None
    first, last = (
        (clock.moment(record.first or 0.0), clock.moment(record.last or 0.0)) if timed else (None, None)
    )
    return Sighting(record.key, record.camera, first, last, vector, record.person or 0, stored=True)


def ended_tracklet(folder: Path) -> FoundTracklet | None:
    """A tracklet that has ended, as `find_tracklets` finds it; None where it has no usable crop."""
    record = read_track(folder)
    frames = tuple(folder / frame.file for frame in record.frames if frame.use) if record else ()
    if record is None or not frames:
        return None
    key = f"{folder.parent.name}/{folder.name}"
    return FoundTracklet(key, folder.absolute(), record.camera, frames, record)


def not_stored(gallery: Gallery, tracks: Path) -> list[FoundTracklet]:
    """Tracklets that have ended and that the gallery does not have, oldest first."""
    try:
        found = find_tracklets(tracks)
    except DatasetError:
        return []
    known = gallery.known([each.key for each in found])
    new = [each for each in found if each.key not in known and each.record is not None]
    return sorted(new, key=lambda each: each.record.first if each.record else 0.0)
