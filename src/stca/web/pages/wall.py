"""The first page: everybody in the gallery, and three ways to begin a search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stca.gallery.records import Record
from stca.linking.persons import Person
from stca.web.listing import Snapshot, page
from stca.web.pages.shown.rendering import render, state_of
from stca.web.pages.shown.tiles import Tile, person_tile, tracklet_tile

router = APIRouter()
PAGE = 48
"""Tiles that come at a time."""


@router.get("/")
def wall(
    request: Request,
    camera: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """The wall: linked persons, then single tracklets, newest first."""
    state = state_of(request)
    snapshot = state.snapshot()
    persons = linked_persons(snapshot)
    alone = single_tracklets(snapshot)
    cameras = sorted({record.camera for record in snapshot.records.values()})
    shown: list[Person | Record] = [
        *(person for person in persons if _person_matches(person, camera, q)),
        *(record for record in alone if _matches(record, camera, q)),
    ]
    names = [f"p{item.number}" if isinstance(item, Person) else f"t{item.key}" for item in shown]
    items, after = page(shown, names, cursor, PAGE)
    first_alone = next((item.key for item in shown if isinstance(item, Record)), None)
    return render(
        request,
        "_wall_tiles.html" if cursor and request.headers.get("hx-request") else "wall.html",
        tiles=[_tile(snapshot, item) for item in items],
        after=after,
        camera=camera,
        q=q,
        cameras=cameras,
        heading_at=first_alone if persons else None,
        people=len(persons),
        alone=len(alone),
        found=len(shown),
        empty=not snapshot.records,
        videos=bool(state.settings.videos),
    )


def linked_persons(snapshot: Snapshot) -> list[Person]:
    """Persons of several tracklets, or with a name, newest first."""
    return [person for person in snapshot.persons.values() if len(person.records) > 1 or person.name]


def single_tracklets(snapshot: Snapshot) -> list[Record]:
    """Tracklets that are of no such person, newest first; not the hidden ones."""
    linked = {record.key for person in linked_persons(snapshot) for record in person.records}
    return [
        record for key, record in snapshot.records.items() if key not in linked and key not in snapshot.hidden
    ]


def _tile(snapshot: Snapshot, item: Person | Record) -> Tile:
    return person_tile(snapshot, item) if isinstance(item, Person) else tracklet_tile(snapshot, item)


def _person_matches(person: Person, camera: str, q: str) -> bool:
    if camera and all(record.camera != camera for record in person.records):
        return False
    words = [person.name or "", str(person.number), *(record.key for record in person.records)]
    return not q or any(q.casefold() in word.casefold() for word in words)


def _matches(record: Record, camera: str, q: str) -> bool:
    return (not camera or record.camera == camera) and q.casefold() in record.key.casefold()
