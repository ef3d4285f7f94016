"""What the gallery holds, who is hidden, saved searches, and help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from stca.web import actions, schemas
from stca.web.api.common import Id, state_of
from stca.web.listing import Filters, Snapshot
from stca.web.pages.search import search_address
from stca.web.pages.shown.rendering import address, go, render, tracklet_url, user_of
from stca.web.pages.shown.tiles import Tile, tracklet_tile
from stca.web.searching import is_numbering
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
        new: answers that came since somebody looked through them.
        stale: whether it means persons who were numbered anew since.

    """

    search: schemas.SavedSearch
    address: str
    tile: Tile | None
    new: tuple[tuple[Tile, str], ...]
    stale: bool


@router.get("/saved")
def saved(request: Request) -> Response:
    """Searches that somebody gave a name, and their new answers."""
    state, user = state_of(request), user_of(request)
    row, snapshot = state.newest_row(), state.snapshot()
    if searches := state.saved.all():
        state.audit.write(user.name, user.role, "see new answers", searches=[each.id for each in searches])
    new = request.app.state.answers.new() if searches else {}
    return render(
        request,
        "saved.html",
        searches=[_saved(state, snapshot, each, new.get(each.id, [])) for each in searches],
        row=row,
        follows=state.numbered is not None,
    )


@router.post("/saved/{number}/seen")
def mark_seen(request: Request, number: Id, row: Annotated[int, Form(ge=0, le=2**62)]) -> Response:
    """The new answers to a saved search were looked through."""
    actions.mark_seen(state_of(request), user_of(request), number, row)
    return go(request, "/saved")


@router.post("/saved/{number}/remove")
def remove_saved(request: Request, number: Id) -> Response:
    """Forget a saved search."""
    actions.remove_saved_search(state_of(request), user_of(request), number)
    return go(request, "/saved")


def _saved(
    state: ServerState, snapshot: Snapshot, search: schemas.SavedSearch, new: Sequence[schemas.Hit]
) -> Saved:
    record = snapshot.records.get(search.request.key or "")
    found = [snapshot.records[hit.tracklet.key] for hit in new if hit.tracklet.key in snapshot.records]
    return Saved(
        search,
        search_address(search.request),
        tracklet_tile(snapshot, record) if record else None,
        tuple(
            (tracklet_tile(snapshot, r), address(tracklet_url(r.key), query=search.request.key))
            for r in found
        ),
        not is_numbering(state, search.request),
    )


@router.get("/help")
def help_page(request: Request) -> Response:
    """How to find, check and correct, and the keys."""
    return render(request, "help.html")
