"""Cameras that are watched: who is there now, and events as they come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from stca.web.api.common import state_of
from stca.web.api.live import live_now
from stca.web.pages.shown.rendering import render
from stca.web.pages.shown.tiles import Tile, person_tile

router = APIRouter()
SHOWN = 40
"""Events on the page, at most."""


@router.get("/live")
def live(request: Request) -> Response:
    """Cameras, people, events."""
    return render(request, "live.html", **_now(request))


@router.get("/live/now")
def now(request: Request) -> Response:
    """Only what changes, which a page asks for again and again."""
    return render(request, "_live.html", **_now(request))


def _now(request: Request) -> dict[str, Any]:
    state = state_of(request)
    found, snapshot = live_now(state, SHOWN), state.snapshot()
    numbers = {each.person for camera in found.cameras for each in camera.people}
    numbers |= {event["person"] for event in found.events}
    tiles: dict[int, Tile] = {
        number: person_tile(snapshot, snapshot.persons[number])
        for number in numbers
        if number in snapshot.persons
    }
    events = [
        event | {"when": datetime.fromisoformat(event["time"]).timestamp(), "what": _what(event)}
        for event in found.events
    ]
    events.sort(key=lambda event: event["when"], reverse=True)  # what was said late happened before
    return {"live": found, "tiles": tiles, "events": events, "tracklets": snapshot.records}


def _what(event: dict[str, Any]) -> str:
    """The name of the sentence that says it."""
    if event["kind"] == "seen":
        return "new" if event["new"] else "known"
    if event["kind"] == "revised":
        return "withdrawn" if event["person"] is None else "revised"
    return str(event["kind"])
