"""Persons, and the log of corrections by people, of a gallery on Milvus."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.corrections import KINDS, Change, Correction, PersonTable
from stca.gallery.corrections.correction import Kind, hidden_keys
from stca.gallery.corrections.undoing import Move, persons_without
from stca.gallery.milvus.store import META, VISIBLE, Commit, MilvusStore
from stca.gallery.records import Record
from stca.gallery.store.interface import LogState
from stca.gallery.store.rows import sqlite_value

CORRECTION = "correction:"
MADE, UNDONE, _LINKINGS, _HIGHEST = "corrections made", "corrections undone", "linkings", "highest person"
_AT_ONCE = 500


class _Table:
    """The `PersonTable` of a store, while it holds the lock."""

    def __init__(self, store: CorrectedMilvusStore) -> None:
        self.hidden = store.hidden()
        self.persons_of, self.tracklets_of = store.persons_of, store.tracklets_of
        self.free_number = store.free_number


class CorrectedMilvusStore(MilvusStore):
    """A `MilvusStore` with persons and the log of corrections."""

    # ---- persons ----

    def person_numbers(self) -> dict[str, int]:
        """Person by key, of the tracklets that have one."""
        records = (row.record for row in self.table.scan())
        return {record.key: record.person for record in records if record.person is not None}

    def persons_of(self, keys: Sequence[str]) -> dict[str, int | None]:
        """Person by key, of those keys that exist; None: unknown."""
        return {key: row.record.person for key, row in self.table.get(list(keys)).items()}

    def tracklets_of(self, person: int) -> tuple[str, ...]:
        """Keys of a person, in insertion order."""
        return tuple(record.key for record in self.records_of_persons([person]))

    def records_of_persons(self, persons: Sequence[int]) -> list[Record]:
        """Records of these persons."""
        numbers = [sqlite_value("person", person, "a person's number") for person in persons]
        found: list[Record] = []
        for start in range(0, len(numbers), _AT_ONCE):
            some = ", ".join(map(str, numbers[start : start + _AT_ONCE]))
            found += [row.record for row in self.table.select(f"person in [{some}]")]
        return found

    def set_persons(
        self, persons: Mapping[str, int | None], *, log: LogState | None = None, anew: bool = True
    ) -> bool:
        """Set persons by key; see `CorrectedStore.set_persons`."""
        wanted = {key: _number(person, key) for key, person in persons.items()}
        with self.writing():
            if log is not None and log != self.log_state():
                return False
            self.require(wanted)
            meta = {_LINKINGS: str(self.linkings() + 1)} if anew else {}
            self.note_persons(wanted.values())
            self.commit(Commit({META + name: value for name, value in meta.items()}, wanted))
        return True

    def note_persons(self, persons: Any) -> None:
        """Before rows of these persons are written: their numbers are not free; within `writing`."""
        highest = max((person for person in persons if person is not None), default=0)
        if highest > self._highest():
            self._set_meta({_HIGHEST: str(highest)})

    def _highest(self) -> int:
        return int(self.meta(_HIGHEST) or 0)

    def linkings(self) -> int:
        """How often persons were numbered anew."""
        return int(self.meta(_LINKINGS) or 0)

    def free_number(self) -> int:
        """A number that no person has, and none ever had."""
        return self._highest() + 1

    def reserve_number(self) -> int:
        """A free number that `free_number` does not give again."""
        with self.writing():
            number = self.free_number()
            self._set_meta({_HIGHEST: str(number)})
        return number

    # ---- the log ----

    def corrections(self, *kinds: Kind) -> list[Correction]:
        """All entries, oldest first; with kinds, those of them that were not undone."""
        found = self._parsed(self.correction_entries())
        return [each for each in found if each.undone is None and each.kind in kinds] if kinds else found

    def correction_entries(self) -> dict[str, dict[str, Any]]:
        """All entries as they are stored, oldest first."""
        found = self.log.read(prefixes=[CORRECTION, VISIBLE])
        return {name: json.loads(found[name]) for name in sorted(found, key=lambda name: name.split(":")[1])}

    def hidden(self) -> frozenset[str]:
        """Keys that are nobody."""
        entries = {
            name: json.loads(text) for name, text in self.entries().items() if name.startswith(VISIBLE)
        }
        return hidden_keys(self._parsed(entries))

    def log_state(self) -> LogState:
        """What changes with every correction and every undoing."""
        with self.read_transaction():
            return int(self.meta(MADE) or 0), int(self.meta(UNDONE) or 0)

    def correct(self, plan: Callable[[PersonTable], Change]) -> Correction:
        """Write an entry and move its rows; see `CorrectedStore.correct`."""
        with self.writing():
            change = plan(_Table(self))
            keys = list(dict.fromkeys([*change.keys, *change.others, *change.persons]))
            contents = self.require(keys)
            after = {key: _number(person, key) for key, person in change.persons.items()}
            before = self.persons_of(list(after))
            self.note_persons([*before.values(), *after.values()])
            number = self.log_state()[0] + 1
            entry = {
                "id": number,
                "time": time.time(),
                "kind": change.kind,
                "keys": list(change.keys),
                "others": list(change.others),
                "text": change.text,
                "author": change.author,
                "undone": None,
                "before": before,
                "after": after,
                "contents": contents,
                "linking": self.linkings(),
            }
            write = {entry_name(entry): json.dumps(entry), META + MADE: str(number)}
            self.commit(Commit(write, after))
            return self._parsed({"": entry})[0]

    def undo(self, number: int) -> Correction:
        """Undo an entry; see `CorrectedStore.undo`."""
        with self.writing():
            entries = list(self.correction_entries().values())
            found = [entry for entry in entries if entry["id"] == int(number)]
            if not found or found[0]["undone"] is not None:
                raise GalleryError(
                    "There is no such correction" if not found else "This correction is undone already",
                    found=number,
                    where=self.connection.address,
                    hint="see `stca person log`",
                )
            this = found[0]
            persons = self._persons_without(this, entries) if this["linking"] == self.linkings() else {}
            this["undone"] = time.time()
            if this["kind"] in ("hide", "show"):
                hidden = hidden_keys(self._parsed({str(i): entry for i, entry in enumerate(entries)}))
                persons |= dict.fromkeys(hidden & self.known(this["keys"]).keys())
            undone = str(self.log_state()[1] + 1)
            self.commit(Commit({entry_name(this): json.dumps(this), META + UNDONE: undone}, persons))
            return self._parsed({"": this})[0]

    def _persons_without(
        self, this: dict[str, Any], entries: Sequence[dict[str, Any]]
    ) -> dict[str, int | None]:
        moves = [
            Move(e["id"], e["undone"] is not None, e["before"], e["after"], e["contents"])
            for e in entries
            if e["linking"] == this["linking"]
        ]
        keys = list(this["after"])
        return persons_without(this["id"], moves, self.persons_of(keys), self.known(keys))

    def _parsed(self, entries: Mapping[str, dict[str, Any]]) -> list[Correction]:
        if not entries:
            return []
        try:
            known = self.known(list({key for entry in entries.values() for key in entry["contents"]}))
            linkings = self.linkings()
            return [_correction(entry, known, linkings) for entry in entries.values()]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GalleryFileError(
                "The log of corrections is damaged, or of a later version",
                found=error,
                where=self.connection.address,
            ) from error


def entry_name(entry: Mapping[str, Any]) -> str:
    """The name of a correction's entry in the log; those that every search needs can be told apart."""
    return f"{VISIBLE if entry['kind'] in ('hide', 'show') else CORRECTION}{entry['id']:012d}"


def _correction(entry: Mapping[str, Any], known: Mapping[str, str], linkings: int) -> Correction:
    if entry["kind"] not in KINDS:
        raise ValueError(f"a kind that this version does not know: {entry['kind']!r}")
    return Correction(
        id=entry["id"],
        time=entry["time"],
        kind=entry["kind"],
        keys=tuple(entry["keys"]),
        others=tuple(entry["others"]),
        text=entry["text"],
        author=entry["author"],
        undone=entry["undone"],
        gone=frozenset(key for key, content in entry["contents"].items() if known.get(key) != content),
        renumbered=entry["linking"] != linkings,
    )


def _number(person: int | None, key: str) -> int | None:
    value = sqlite_value("person", person, key)
    return value if value is None else int(str(value))
