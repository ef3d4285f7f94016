"""The interface below `/api/v1`, a file for each kind of thing."""

from __future__ import annotations

from fastapi import FastAPI

from stca.web.api import (
    audit,
    corrections,
    events,
    forgetting,
    gallery,
    jobs,
    live,
    persons,
    searches,
    tracklets,
    uploads,
)
from stca.web.api.common import PROBLEMS

_PARTS = (gallery, tracklets, persons, searches, corrections, forgetting, uploads, jobs, live, events, audit)


def add_routes(app: FastAPI, *, prefix: str) -> None:
    """Add every route to the application."""
    for part in _PARTS:
        app.include_router(part.router, prefix=prefix, responses=PROBLEMS)
