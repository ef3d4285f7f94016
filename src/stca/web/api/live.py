"""What `stca watch` sees now, where it fills the gallery that is served."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from stca.gallery.keeping.places import places_of
from stca.watch.events.reading import read_live
from stca.web import schemas
from stca.web.api.common import State
from stca.web.state import ServerState

router = APIRouter(tags=["live"])


@router.get("/live")
def live(state: State, events: Annotated[int, Query(ge=0, le=500)] = 50) -> schemas.Live:
    """Cameras that are watched, who is in view, and the latest events; empty where nothing is watched."""
    return live_now(state, events)


def live_now(state: ServerState, events: int) -> schemas.Live:
    """What is watched, with the names that persons have now.

    Raises:
        StcaError: the file of events is damaged.

    """
    files = [read_live(path, events=events) for path in places_of(state.gallery, "events")]
    found = max(filter(None, files), key=lambda each: each.seen or 0.0, default=None)
    if found is None:
        return schemas.Live(watching=False, seen=None, cameras=[], events=[])
    persons = state.snapshot().persons
    cameras = [
        schemas.LiveCamera(
            name=each.name,
            state=each.state,  # type: ignore[arg-type]
            why=state.public(each.why),
            dropped=each.dropped,
            people=[
                schemas.LivePerson(
                    person=one.person,
                    name=persons[one.person].name if one.person in persons else None,
                    tracklet=one.tracklet,
                    since=one.since,
                )
                for one in each.people
            ],
        )
        for each in found.cameras
    ]
    return schemas.Live(watching=found.watching, seen=found.seen, cameras=cameras, events=list(found.events))
