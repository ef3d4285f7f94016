"""What a gallery keeps beside rows: persons, corrections by people, the threshold. A part of `Gallery`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache

from stca.gallery.calibration import Calibration
from stca.gallery.corrections.correction import Change, Correction, Kind, PersonTable
from stca.gallery.corrections.resolving import resolve
from stca.gallery.records import Hit, Record, first_hits
from stca.gallery.store.interface import GalleryStore, LogState
from stca.gallery.store.rows import digest

_CALIBRATION, _CALIBRATED = "calibration", "calibrated"


class GalleryLog:
    """`Gallery` without its vectors. `stca.linking.persons` has the operations that people know."""

    def __init__(self, store: GalleryStore) -> None:
        self._store = store

    @property
    def store(self) -> GalleryStore:
        """Where it is kept, for the functions of `stca.gallery.keeping`."""
        return self._store

    def calibration(self) -> Calibration | None:
        """The threshold and how it was determined; None if `calibrate` never ran."""
        text = self._store.meta(_CALIBRATION)
        return None if text is None else _calibration(text)

    def rated(self, found: Sequence[tuple[Record, float]], *, queries: Sequence[Record] = ()) -> list[Hit]:
        """Hits: what people said of each, else whether it reaches the threshold and was not seen at once.

        Args:
            found: tracklets and their cosines with the query, best first.
            queries: tracklets that the query is made of; they are left out.

        """
        calibration = self.calibration()
        threshold = None if calibration is None else calibration.threshold
        own = {query.key for query in queries}
        found = [(record, score) for record, score in found if record.key not in own]
        said = self._said_of(own)
        hits = []
        for rank, (record, score) in enumerate(found, 1):
            word = said.get(record.key)
            beside = word is None and any(map(record.overlaps, queries))
            accepted = None if threshold is None else score >= threshold and not beside
            hits.append(Hit(rank, record, score, accepted if word is None else word, beside, word))
        return hits

    def _said_of(self, own: Collection[str]) -> dict[str, bool]:
        """By key, whether people said that a tracklet is of the same person as these, or of somebody else."""
        if not own or not (log := self.corrections()):
            return {}
        resolved = resolve(log)
        groups = {key: group for group in resolved.groups for key in group}
        same = {each for key in own for each in groups.get(key, (key,))}
        others = [b if a in same else a for a, b in resolved.apart if (a in same) != (b in same)]
        return dict.fromkeys(same, True) | {each: False for key in others for each in groups.get(key, (key,))}

    def first_rated(
        self, search: Callable[[int], Sequence[tuple[Record, float]]], k: int, queries: Sequence[Record]
    ) -> list[Hit]:
        """The first `k` hits that were not seen together with the query, and those before them that were.

        Args:
            search: gives so many tracklets with their cosines, best first.
            k: maximum number.
            queries: as `rated`.

        """
        wanted = k + len(queries)
        while True:
            found = search(wanted)
            hits = first_hits(self.rated(found, queries=queries), k)
            if len(found) < wanted or sum(not hit.at_once for hit in hits) >= k:
                return hits
            wanted *= 2

    def set_calibration(self, calibration: Calibration) -> None:
        """Store a threshold; searches mark hits below it from now on."""
        text = calibration.to_json()
        self._store.set_meta(_CALIBRATED, f"{int(time.time())} {digest(text.encode())}")
        self._store.set_meta(_CALIBRATION, text)

    def calibrated(self) -> float | None:
        """When the threshold was stored, POSIX seconds; None: by a version that did not note it, or none."""
        found, text = (self._store.meta(_CALIBRATED) or "").split(), self._store.meta(_CALIBRATION) or ""
        return float(found[0]) if found[1:] == [digest(text.encode())] else None

    def forgotten(self, records: Sequence[Record]) -> list[bool]:
        """Whether each of these was forgotten (`stca.gallery.keeping`), so that `add` leaves it out.

        Args:
            records: with their content digests, as `stca.gallery.record_of` makes them.

        """
        return self._store.forgotten(records)

    def set_persons(
        self, persons: Mapping[str, int | None], *, log: LogState | None = None, anew: bool = True
    ) -> bool:
        """Set the person of tracklets by key (None: unknown), in one commit.

        Args:
            persons: the new numbering of persons; corrections made before move no tracklet when undone.
            log: write nothing if `log_state` is another by now: people have corrected persons meanwhile.
            anew: False: persons keep their numbers, and only these tracklets move.

        Returns:
            whether it was written.

        Raises:
            GalleryError: a missing key, or a person that is not an integer; then nothing is written.

        """
        return self._store.set_persons(persons, log=log, anew=anew)

    def corrections(self, *kinds: Kind) -> list[Correction]:
        """The log, oldest first; undone ones too. With kinds: only these, without undone ones."""
        return self._store.corrections(*kinds)

    def hidden(self) -> frozenset[str]:
        """Keys of tracklets that are nobody: not searched, linked or counted."""
        return self._store.hidden()

    def log_state(self) -> LogState:
        """Changes with every correction and every undoing."""
        return self._store.log_state()

    def linkings(self) -> int:
        """How often persons were numbered anew."""
        return self._store.linkings()

    def reserve_number(self) -> int:
        """A number for a new person, which nobody else is given although no tracklet has it yet.

        Raises:
            GalleryError: a read-only gallery.

        """
        return self._store.reserve_number()

    def person_numbers(self) -> dict[str, int]:
        """Person by key, of the tracklets that have one."""
        return self._store.person_numbers()

    def persons_of(self, keys: Sequence[str]) -> dict[str, int | None]:
        """Person by key, of those keys that exist; None: unknown."""
        return self._store.persons_of(keys)

    def records_of_persons(self, persons: Sequence[int]) -> list[Record]:
        """Records of these persons, in no order."""
        return self._store.records_of_persons(persons)

    def correct(self, plan: Callable[[PersonTable], Change]) -> Correction:
        """Write a correction into the log and move its tracklets, in one commit.

        Args:
            plan: says what is to be written, from the persons at that moment; must not use this gallery.

        Raises:
            GalleryError: a missing key; what `plan` raises; a read-only gallery. Then nothing is written.

        """
        return self._store.correct(plan)

    def undo_correction(self, number: int) -> Correction:
        """Undo a correction by its id; see `stca.linking.persons.undo`."""
        return self._store.undo(number)


@lru_cache(maxsize=8)
def _calibration(text: str) -> Calibration:
    """Cached, since every search needs it."""
    return Calibration.from_json(text)
