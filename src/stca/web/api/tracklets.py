"""Tracklets: list, look at, remove."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from stca.web import schemas
from stca.web.api.common import Cursor, Filtered, Limit, State, Who

router = APIRouter(tags=["tracklets"])


@router.get("/tracklets")
def list_tracklets(
    state: State,
    filters: Filtered,
    hidden: Annotated[bool, Query(description="only hidden ones, instead of those that are not")] = False,
    cursor: Cursor = None,
    limit: Limit = 60,
) -> schemas.TrackletPage:
    """Tracklets, newest first."""
    return state.snapshot().tracklet_page(filters, hidden=hidden, cursor=cursor, limit=limit)


@router.get("/tracklets/{key:path}")
def get_tracklet(state: State, key: str) -> schemas.Tracklet:
    """One tracklet."""
    snapshot = state.snapshot()
    return snapshot.tracklet_out(snapshot.record(key))


@router.delete("/tracklets/{key:path}", status_code=204)
def remove_tracklet(state: State, who: Who, key: str) -> None:
    """Remove a tracklet from the gallery; its crops stay on the disk."""
    state.snapshot().record(key)
    state.audit.write(who.name, who.role, "remove tracklet", key=key)
    state.gallery.remove(key)
