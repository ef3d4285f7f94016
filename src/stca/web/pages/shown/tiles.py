"""What a tile of the wall, an answer and a sighting show of a tracklet or a person."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from stca.gallery.records import Record
from stca.linking.persons import Person
from stca.web import schemas
from stca.web.listing import Snapshot, longest


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture of somebody with a few words.

    Args:
        key: of the tracklet that is shown, with which a search begins.
        person: the person that it stands for; None: only for the tracklet.
        tracklet: the one that is shown.
        pictured: whether there can be pictures; not so for vectors that came from elsewhere.
        clocks: by how many clocks there are times of a person, which cannot be compared.

    """

    key: str
    tracklet: schemas.Tracklet
    person: schemas.Person | None
    pictured: bool
    clocks: int = 1


def person_tile(snapshot: Snapshot, person: Person) -> Tile:
    """A person, shown by the longest tracklet."""
    record = longest(person.records)
    return Tile(
        record.key,
        snapshot.tracklet_out(record),
        snapshot.person_out(person),
        record.folder is not None,
        len({each.clock for each in person.records if each.first is not None}),
    )


def tracklet_tile(snapshot: Snapshot, record: Record) -> Tile:
    """A tracklet that stands for itself."""
    return Tile(record.key, snapshot.tracklet_out(record), None, record.folder is not None)


def frame_url(folder: str, frame: int) -> str:
    """The address of a whole frame."""
    return f"/media/frame/{quote(folder, safe='')}/{frame}"
