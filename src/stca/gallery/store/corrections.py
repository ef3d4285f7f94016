"""The log of corrections in the gallery's file, and the persons that they move.

Its table is made by the first correction, so that galleries without one are as they were. Entries are only
added; undoing one writes its time. Persons have numbers that `stca link` gives anew, so an entry keeps the
numbers before and after it with the count of linkings, and moves rows only as long as that count stands.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.corrections import KINDS, Change, Correction, PersonTable
from stca.gallery.corrections.correction import Kind, hidden_keys
from stca.gallery.corrections.undoing import Move, persons_without
from stca.gallery.records import Record
from stca.gallery.store.interface import LogState
from stca.gallery.store.rows import record_from_row, sqlite_value
from stca.gallery.store.store import Store

LOG_SCHEMA = """
CREATE TABLE IF NOT EXISTS corrections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL, keys TEXT NOT NULL,
    others TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL, undone REAL,
    "before" TEXT NOT NULL, "after" TEXT NOT NULL, contents TEXT NOT NULL,
    linking INTEGER NOT NULL, highest INTEGER NOT NULL)
"""
_RESERVED = "reserved person"
_COLUMNS = "id, time, kind, keys, others, text, author, undone, contents, linking"


class _Table:
    """The `PersonTable` of a store, within its transaction."""

    def __init__(self, store: CorrectedStore) -> None:
        self.hidden = store.hidden()
        self.persons_of, self.tracklets_of = store.persons_of, store.tracklets_of
        self.free_number = store.free_number


class CorrectedStore(Store):
    """A `Store` with the log of corrections."""

    def corrections(self, *kinds: Kind) -> list[Correction]:
        """All entries, oldest first; with kinds, those of them that were not undone."""
        names = ", ".join(repr(kind) for kind in KINDS if kind in kinds)
        return self._corrections(f"WHERE undone IS NULL AND kind IN ({names})" if kinds else "")

    def hidden(self) -> frozenset[str]:
        """Keys that are nobody."""
        return hidden_keys(self.corrections("hide", "show"))

    def hidden_ids(self) -> list[int]:
        """Row ids of `hidden`."""
        return [row for row, _ in self._ids_and_digests(list(self.hidden())).values()]

    def log_state(self) -> LogState:
        """What changes with every correction and every undoing."""
        if not self._has_log():
            return 0, 0
        made = self._query("SELECT seq FROM sqlite_sequence WHERE name = 'corrections'")  # also erased ones
        ((undone,),) = self._query("SELECT count(undone) FROM corrections")
        return int(made[0][0]) if made else 0, int(undone)

    def person_numbers(self) -> dict[str, int]:
        """Person by key, of the tracklets that have one."""
        return dict(self._query("SELECT key, person FROM tracklets WHERE person IS NOT NULL"))

    def persons_of(self, keys: Sequence[str]) -> dict[str, int | None]:
        """Person by key, of those keys that exist; None: unknown."""
        return dict(self._select("SELECT key, person FROM tracklets WHERE key", keys))

    def tracklets_of(self, person: int) -> tuple[str, ...]:
        """Keys of a person, in insertion order."""
        number = sqlite_value("person", person, "a person's number")
        found = self._query("SELECT key FROM tracklets WHERE person = ? ORDER BY id", (number,))
        return tuple(key for (key,) in found)

    def records_of_persons(self, persons: Sequence[int]) -> list[Record]:
        """Records of these persons, in no order."""
        numbers = [sqlite_value("person", person, "a person's number") for person in persons]
        found = self._select(f"SELECT {self._columns} FROM tracklets WHERE person", numbers)
        return [record_from_row(row) for row in found]

    def set_persons(
        self, persons: Mapping[str, int | None], *, log: LogState | None = None, anew: bool = True
    ) -> bool:
        """Number persons anew, in one commit.

        Args:
            persons: by key.
            log: write only if this is still the log's state.
            anew: False: persons keep their numbers, and only these tracklets move.

        Returns:
            whether it was written.

        Raises:
            GalleryError: a key is missing; then nothing is written.

        """
        with self._write_transaction():
            if log is not None and log != self.log_state():
                return False
            self._set_persons(persons)
            if anew:
                self._set_meta("linkings", str(self.linkings() + 1))
        return True

    def correct(self, plan: Callable[[PersonTable], Change]) -> Correction:
        """Write an entry and move its rows, in one commit.

        Args:
            plan: says what is to be written; must not use this gallery.

        Raises:
            GalleryError: a key is missing, or what `plan` raises; then nothing is written.

        """
        with self._write_transaction():
            self._db.execute(LOG_SCHEMA)
            change = plan(_Table(self))
            keys = dict.fromkeys([*change.keys, *change.others, *change.persons])
            for key in keys:
                self._require_row(key)
            contents = {key: content for key, (_, content) in self._ids_and_digests(list(keys)).items()}
            after = dict(change.persons)
            before = self.persons_of(list(after))
            self._set_persons(after)
            highest = max([0, *(p for p in (*before.values(), *after.values()) if p is not None)])
            stored = [json.dumps(each) for each in (before, after, contents)]
            sides = [json.dumps(each) for each in (change.keys, change.others)]
            values = (time.time(), change.kind, *sides, change.text, change.author)
            cursor = self._db.execute(
                "INSERT INTO corrections VALUES (NULL, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?)",
                (*values, *stored, self.linkings(), highest),
            )
            if change.kind in ("hide", "show"):
                self._count_change()  # so that indexes leave them out
            return self._corrections(f"WHERE id = {int(cursor.lastrowid or 0)}")[0]

    def undo(self, number: int) -> Correction:
        """Undo an entry: rows get the person that they would have without it.

        Rows stay where they are if persons were numbered anew since, or if something else set their person.

        Raises:
            GalleryError: no such entry, or one that is undone.

        """
        with self._write_transaction():
            found = self._corrections(f"WHERE id = {int(number)}")
            if not found or not found[0].counts:
                raise GalleryError(
                    "There is no such correction" if not found else "This correction is undone already",
                    found=number,
                    where=self.folder,
                    hint="see `stca person log`",
                )
            if not found[0].renumbered:
                self._move_back(number)
            self._db.execute("UPDATE corrections SET undone = ? WHERE id = ?", (time.time(), number))
            if found[0].kind in ("hide", "show"):
                known = self.known(list(found[0].keys))
                self._set_persons(dict.fromkeys(self.hidden() & known.keys()))
                self._count_change()
            return self._corrections(f"WHERE id = {int(number)}")[0]

    def _move_back(self, number: int) -> None:
        columns = 'id, undone, "before", "after", contents'
        rows = self._query(
            f"SELECT {columns} FROM corrections WHERE linking = ? ORDER BY id", (self.linkings(),)
        )
        moves = [Move(id_, undone is not None, *map(json.loads, texts)) for id_, undone, *texts in rows]
        (keys,) = (list(move.after) for move in moves if move.id == number)
        self._set_persons(persons_without(number, moves, self.persons_of(keys), self.known(keys)))

    def _set_persons(self, persons: Mapping[str, int | None]) -> None:
        for key, given in persons.items():
            person, row = sqlite_value("person", given, key), self._require_row(key)
            self._db.execute("UPDATE tracklets SET person = ? WHERE id = ?", (person, row))
            self._touch([row])

    def linkings(self) -> int:
        """How often persons were numbered anew."""
        return int(self.meta("linkings") or 0)

    def free_number(self) -> int:
        """A number that no person has, and none had since persons were last numbered."""
        ((now,),) = self._query("SELECT max(person) FROM tracklets")
        before = 0
        if self._has_log():
            ((before,),) = self._query(
                "SELECT max(highest) FROM corrections WHERE linking = ?", (self.linkings(),)
            )
        return max(now or 0, before or 0, int(self.meta(_RESERVED) or 0), 0) + 1

    def reserve_number(self) -> int:
        """A free number that `free_number` does not give again."""
        with self._write_transaction():
            number = self.free_number()
            self._reserve(number)
        return number

    def _reserve(self, number: int) -> None:
        self._set_meta(_RESERVED, str(number))

    def _has_log(self) -> bool:
        return bool(self._query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'corrections'"))

    def _corrections(self, where: str) -> list[Correction]:
        with self.read_transaction():
            if not self._has_log():
                return []
            rows = self._query(f"SELECT {_COLUMNS} FROM corrections {where} ORDER BY id")
            try:
                contents = [json.loads(row[8]) for row in rows]
                known = self.known(list({key for each in contents for key in each}))
                linkings = self.linkings()
                return [_correction(row, c, known, linkings) for row, c in zip(rows, contents, strict=True)]
            except (ValueError, TypeError, AttributeError) as error:
                raise GalleryFileError(
                    "The log of corrections is damaged, or of a later version",
                    found=error,
                    where=self.folder,
                ) from error


def _correction(
    row: tuple[Any, ...], contents: dict[str, str], known: Mapping[str, str], linkings: int
) -> Correction:
    number, when, kind, keys, others, text, author, undone, _, linking = row
    if kind not in KINDS:
        raise ValueError(f"a kind that this version does not know: {kind!r}")
    gone = frozenset(key for key, content in contents.items() if known.get(key) != content)
    return Correction(
        number,
        when,
        kind,
        tuple(json.loads(keys)),
        tuple(json.loads(others)),
        text,
        author,
        undone,
        gone,
        linking != linkings,
    )
