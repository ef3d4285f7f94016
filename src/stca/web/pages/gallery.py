"""What the gallery holds, who is hidden, saved searches, and help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from stca.web import actions, schemas
from stca.web.api.common import Id, state_of
from stca.web.listing import Filters, Snapshot
from stca.web.pages.search import search_address
from stca.web.pages.shown.rendering import go, render, user_of
from stca.web.pages.shown.tiles import Tile, tracklet_tile
from stca.web.state import ServerState

router = APIRouter()


@router.get("/gallery")
def gallery(request: Request, cursor: Annotated[str | None, Query(max_length=2000)] = None) -> Response:
    """Cameras, hours, model, threshold; and the hidden tracklets."""
    state = state_of(request)
    snapshot = state.snapshot()
    hidden = snapshot.tracklet_page(Filters(), hidden=True, cursor=cursor, limit=48)
    return render(
        request,
        "gallery.html",
        info=state.info(),
        calibration=state.gallery.calibration(),
        seconds=snapshot.kept("seconds", seconds_by_camera),
        hidden=[tracklet_tile(snapshot, snapshot.records[item.key]) for item in hidden.items],
        after=hidden.next,
    )


def seconds_by_camera(snapshot: Snapshot) -> dict[str, float]:
    """From the first to the last sighting of each camera, over all of its clocks."""
    spans: dict[tuple[str, str], tuple[float, float]] = {}
    for record in snapshot.records.values():
        if record.first is not None and record.last is not None:
            place = record.camera, record.clock
            first, last = spans.get(place, (record.first, record.last))
            spans[place] = min(first, record.first), max(last, record.last)
    seconds: dict[str, float] = {}
    for (camera, _), (first, last) in spans.items():
        seconds[camera] = seconds.get(camera, 0.0) + last - first
    return seconds


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved search as it is shown.

    Args:
        search: from the server's file.
        address: of its answers.
        tile: who is searched for; None: the tracklet was removed.

    """

    search: schemas.SavedSearch
    address: str
    tile: Tile | None


@router.get("/saved")
def saved(request: Request) -> Response:
    """Searches that somebody gave a name."""
    state = state_of(request)
    snapshot = state.snapshot()
    return render(
        request, "saved.html", searches=[_saved(state, snapshot, each) for each in state.saved.all()]
    )


@router.post("/saved/{number}/remove")
def remove_saved(request: Request, number: Id) -> Response:
    """Forget a saved search."""
    actions.remove_saved_search(state_of(request), user_of(request), number)
    return go(request, "/saved")


def _saved(state: ServerState, snapshot: Snapshot, search: schemas.SavedSearch) -> Saved:
    record = snapshot.records.get(search.request.key or "")
    return Saved(search, search_address(search.request), tracklet_tile(snapshot, record) if record else None)


@router.get("/help")
def help_page(request: Request) -> Response:
    """How to find, check and correct, and the keys."""
    return render(request, "help.html")
