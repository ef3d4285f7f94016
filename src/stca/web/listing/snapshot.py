"""The gallery's tracklets and persons as the interface shows them, filtered and in pages."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from stca.gallery.records import Record
from stca.gallery.times import format_span, format_time
from stca.linking.persons import Person, group_persons
from stca.web import schemas
from stca.web.listing.paging import page
from stca.web.problems import not_found

Name = TypeVar("Name")
Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Filters:
    """Which tracklets are meant.

    Args:
        cameras: names; None: all.
        persons: numbers; None: all.
        first, last: seen within these seconds, inclusive; None: open.

    """

    cameras: frozenset[str] | None = None
    persons: frozenset[int] | None = None
    first: float | None = None
    last: float | None = None

    def match(self, record: Record) -> bool:
        """Whether a record passes; one without times does not pass a time range."""
        if self.cameras is not None and record.camera not in self.cameras:
            return False
        if self.persons is not None and record.person not in self.persons:
            return False
        if self.first is None and self.last is None:
            return True
        if record.first is None or record.last is None:
            return False
        return (self.last is None or record.first <= self.last) and (
            self.first is None or record.last >= self.first
        )


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything in the gallery at one moment.

    Args:
        records: by key, newest first.
        persons: by number, newest first.
        hidden: keys of hidden tracklets.

    """

    records: Mapping[str, Record]
    persons: Mapping[int, Person]
    hidden: frozenset[str]
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, records: Iterable[Record], *, hidden: frozenset[str], names: Mapping[int, str]) -> Snapshot:
        """The snapshot of these records, in any order; names are by person."""
        found = list(records)
        persons = group_persons(found, hidden=hidden, names=names)
        return cls(
            {record.key: record for record in sorted(found, key=_newest)},
            {person.number: person for person in sorted(persons, key=_newest_of)},
            hidden,
        )

    def changed(
        self,
        records: Iterable[Record],
        gone: Iterable[str],
        *,
        hidden: frozenset[str],
        names: Mapping[int, str],
    ) -> Snapshot:
        """What it is after a change; the same object where there is no difference.

        Args:
            records: that are new or changed.
            gone: keys that there are no more.
            hidden: keys of all hidden tracklets.
            names: of all persons that have one, by number.

        """
        now: dict[str, Record | None] = {**dict.fromkeys(gone), **{record.key: record for record in records}}
        now = {key: record for key, record in now.items() if self.records.get(key) != record}
        looked_at = now.keys() | {key for key in self.hidden ^ hidden if key in self.records}
        old = {number: person.name for number, person in self.persons.items() if person.name is not None}
        renamed = {number for number in old.keys() | names.keys() if old.get(number) != names.get(number)}
        if not looked_at and not renamed & self.persons.keys() and hidden == self.hidden:
            return self
        members = {number: self._members(number) for number in renamed}
        for key in looked_at:
            if (was := self.records.get(key)) is not None and was.person is not None:
                members.setdefault(was.person, self._members(was.person)).pop(key, None)
        for key in looked_at:
            record = now[key] if key in now else self.records[key]
            if record is not None and record.person is not None:
                members.setdefault(record.person, self._members(record.person))[key] = record
        every = [record for some in members.values() for record in some.values()]
        persons: dict[int, Person | None] = dict.fromkeys(members)
        persons |= {each.number: each for each in group_persons(every, hidden=hidden, names=names)}
        return Snapshot(
            _placed(self.records, now, _newest), _placed(self.persons, persons, _newest_of), hidden
        )

    def _members(self, number: int) -> dict[str, Record]:
        person = self.persons.get(number)
        return {} if person is None else {record.key: record for record in person.records}

    def kept(self, name: str, make: Callable[[Snapshot], Value]) -> Value:
        """What `make` gives for this snapshot; computed once, and gone with it."""
        if name not in self._kept:
            self._kept[name] = make(self)
        value: Value = self._kept[name]
        return value

    # ---- one thing ----

    def record(self, key: str) -> Record:
        """The record of a key; a WebError of status 404 if there is none."""
        if key not in self.records:
            raise not_found("There is no such tracklet", found=key)
        return self.records[key]

    def person(self, number: int) -> Person:
        """The person of a number; a WebError of status 404 if there is none."""
        if number not in self.persons:
            raise not_found("There is no such person", found=number, hint="linking numbers persons anew")
        return self.persons[number]

    def person_of(self, key: str) -> Person | None:
        """The person that a tracklet is of; None where it is gone, hidden or nobody's."""
        record = self.records.get(key)
        if record is None or record.person is None or key in self.hidden:
            return None
        return self.persons.get(record.person)

    # ---- as shown ----

    def tracklet_out(self, record: Record) -> schemas.Tracklet:
        """A tracklet as the interface gives it."""
        person = self.persons.get(record.person) if record.person is not None else None
        place = quote(record.key)
        return schemas.Tracklet(
            key=record.key,
            camera=record.camera,
            person=record.person,
            name=person.name if person else None,
            first=record.first,
            last=record.last,
            clock=record.clock,
            when=format_span(record),
            frames=record.frames,
            hidden=record.key in self.hidden,
            thumbnail=f"/media/thumbnail/{place}",
            play=f"/media/play/{place}",
        )

    def person_out(self, person: Person) -> schemas.Person:
        """A person as the interface gives it."""
        records = person.records
        first, last, clock = span(records)
        return schemas.Person(
            number=person.number,
            name=person.name,
            tracklets=len(records),
            cameras=list(dict.fromkeys(record.camera for record in records)),
            first=first,
            last=last,
            clock=clock,
            when=span_text(first, last),
            thumbnail=f"/media/thumbnail/{quote(longest(records).key)}",
        )

    def person_detail(self, number: int) -> schemas.PersonDetail:
        """A person with every sighting."""
        person = self.person(number)
        return schemas.PersonDetail(
            person=self.person_out(person), sightings=[self.tracklet_out(record) for record in person.records]
        )

    def cameras_out(self) -> list[schemas.Camera]:
        """Every camera, by name."""
        groups: dict[str, list[Record]] = {}
        for record in self.records.values():
            groups.setdefault(record.camera, []).append(record)
        found = []
        for name, records in sorted(groups.items()):
            first, last, clock = span(records)
            found.append(
                schemas.Camera(
                    name=name,
                    tracklets=len(records),
                    first=first,
                    last=last,
                    clock=clock,
                    when=span_text(first, last),
                )
            )
        return found

    # ---- pages ----

    def tracklet_page(
        self, filters: Filters, *, hidden: bool = False, cursor: str | None = None, limit: int = 60
    ) -> schemas.TrackletPage:
        """Tracklets that pass the filters, newest first: either the hidden ones or the others."""
        found = [
            record
            for key, record in self.records.items()
            if (key in self.hidden) == hidden and filters.match(record)
        ]
        some, after = page(found, _key, cursor, limit)
        return schemas.TrackletPage(items=[self.tracklet_out(r) for r in some], next=after, total=len(found))

    def person_page(
        self, filters: Filters, *, cursor: str | None = None, limit: int = 60
    ) -> schemas.PersonPage:
        """Persons of whom a tracklet passes the filters, newest first."""
        found = [person for person in self.persons.values() if any(map(filters.match, person.records))]
        some, after = page(found, lambda person: str(person.number), cursor, limit)
        return schemas.PersonPage(items=[self.person_out(p) for p in some], next=after, total=len(found))


def span(records: Iterable[Record]) -> tuple[float | None, float | None, str]:
    """First and last time of records and their clock; no times where their clocks differ."""
    known = [record for record in records if record.first is not None]
    clocks = {record.clock for record in known}
    if len(clocks) != 1:
        return None, None, ""
    return (
        min(record.first for record in known if record.first is not None),
        max(record.last for record in known if record.last is not None),
        clocks.pop(),
    )


def span_text(first: float | None, last: float | None) -> str:
    """First to last time as text; empty if not known."""
    return "" if first is None or last is None else f"{format_time(first)} to {format_time(last)}"


def longest(records: Sequence[Record]) -> Record:
    """The tracklet with the most crops, which shows a person best."""
    return max(records, key=lambda record: record.frames)


def _newest(record: Record) -> tuple[bool, float, str]:
    return record.last is None, -(record.last or 0.0), record.key


def _newest_of(person: Person) -> tuple[bool, float, str]:
    return _newest(person.records[-1])


def _key(record: Record) -> str:
    return record.key


def _placed(
    items: Mapping[Name, Item], changes: Mapping[Name, Item | None], order: Callable[[Item], Any]
) -> dict[Name, Item]:
    """Items that are sorted by `order`, and stay so; those that change to None are left out."""
    found = dict(items)
    moved: list[tuple[Name, Item]] = []
    for name, item in changes.items():
        old = found.get(name)
        if item is not None and old is not None and order(old) == order(item):
            found[name] = item
            continue
        found.pop(name, None)
        if item is not None:
            moved.append((name, item))
    if not moved:
        return found
    pairs = list(found.items())
    for pair in moved:
        insort(pairs, pair, key=lambda each: order(each[1]))
    return dict(pairs)
