"""The first page: everybody in the gallery, and three ways to begin a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stca.gallery.records import Record
from stca.linking.persons import Person
from stca.web.api.common import state_of
from stca.web.listing import Snapshot, page
from stca.web.pages.shown.rendering import is_partial, render
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
    snapshot = state_of(request).snapshot()
    everybody = snapshot.kept("wall", everybody_of)
    shown = everybody.items
    if camera or q:
        shown = tuple(item for item in shown if _passes(item, camera, q))
    items, after = page(shown, _cursor_name, cursor, PAGE)
    first_alone = next((item.key for item in shown if isinstance(item, Record)), None)
    return render(
        request,
        "_wall_tiles.html" if cursor and is_partial(request) else "wall.html",
        tiles=[_tile(snapshot, item) for item in items],
        after=after,
        camera=camera,
        q=q,
        cameras=everybody.cameras,
        heading_at=first_alone if everybody.people else None,
        people=everybody.people,
        alone=len(everybody.items) - everybody.people,
        empty=not snapshot.records,
    )


@dataclass(frozen=True, slots=True)
class Everybody:
    """Who is on the wall.

    Args:
        items: persons of several tracklets, or with a name, newest first; then the tracklets that are of no
            such person, newest first.
        people: how many persons there are.
        cameras: names, sorted.

    """

    items: tuple[Person | Record, ...]
    people: int
    cameras: tuple[str, ...]


def everybody_of(snapshot: Snapshot) -> Everybody:
    """Everybody in a gallery, but for hidden tracklets."""
    persons = [person for person in snapshot.persons.values() if len(person.records) > 1 or person.name]
    several = {person.number for person in persons}
    hidden = snapshot.hidden
    alone = [r for r in snapshot.records.values() if r.person not in several and r.key not in hidden]
    items: tuple[Person | Record, ...] = (*persons, *alone)
    cameras = sorted({record.camera for record in snapshot.records.values()})
    return Everybody(items, len(persons), tuple(cameras))


def _cursor_name(item: Person | Record) -> str:
    return f"p{item.number}" if isinstance(item, Person) else f"t{item.key}"


def _tile(snapshot: Snapshot, item: Person | Record) -> Tile:
    return person_tile(snapshot, item) if isinstance(item, Person) else tracklet_tile(snapshot, item)


def _passes(item: Person | Record, camera: str, q: str) -> bool:
    """Whether it was seen by a camera, and its name, number or key has `q` in it."""
    records = item.records if isinstance(item, Person) else (item,)
    if camera and all(record.camera != camera for record in records):
        return False
    words = [record.key for record in records]
    if isinstance(item, Person):
        words += [item.name or "", str(item.number)]
    return not q or any(q.casefold() in word.casefold() for word in words)
