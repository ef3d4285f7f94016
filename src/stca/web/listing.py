"""The gallery's tracklets and persons as the interface shows them, filtered and in pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from stca.gallery.records import Record
from stca.gallery.times import format_span, format_time
from stca.linking.persons import Person
from stca.web import schemas
from stca.web.problems import WebError, not_found

Item = TypeVar("Item")


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


@dataclass(frozen=True)
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

    @classmethod
    def of(cls, records: Iterable[Record], persons: Iterable[Person], hidden: frozenset[str]) -> Snapshot:
        """Sort them."""
        return cls(
            {record.key: record for record in sorted(records, key=_newest)},
            {person.number: person for person in sorted(persons, key=lambda p: _newest(p.records[-1]))},
            hidden,
        )

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
        some, after = page(found, [record.key for record in found], cursor, limit)
        return schemas.TrackletPage(items=[self.tracklet_out(r) for r in some], next=after, total=len(found))

    def person_page(
        self, filters: Filters, *, cursor: str | None = None, limit: int = 60
    ) -> schemas.PersonPage:
        """Persons of whom a tracklet passes the filters, newest first."""
        found = [person for person in self.persons.values() if any(map(filters.match, person.records))]
        some, after = page(found, [str(person.number) for person in found], cursor, limit)
        return schemas.PersonPage(items=[self.person_out(p) for p in some], next=after, total=len(found))


def page(
    items: Sequence[Item], names: Sequence[str], cursor: str | None, limit: int
) -> tuple[Sequence[Item], str | None]:
    """The items from a cursor on, and the cursor of the next page.

    A cursor names the first item of its page and its place, so that pages neither repeat nor skip what was
    there all the time when others come or go; where the named item is gone, its place counts.
    """
    start = 0
    if cursor is not None:
        place, name = _read_cursor(cursor)
        start = names.index(name) if name in names else min(place, len(items))
    end = start + limit
    after = None if end >= len(items) else _write_cursor(end, names[end])
    return items[start:end], after


def _write_cursor(place: int, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([place, name]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, str]:
    try:
        place, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(place) is not int or place < 0 or type(name) is not str:
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise WebError(
            "This is no cursor", status=422, expected="`next` of the page before", found=cursor[:100]
        ) from None
    return place, name


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
