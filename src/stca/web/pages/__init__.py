"""The pages of `stca serve`: HTML from the same data as the interface below `/api/v1`."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from stca.web.pages import corrections, entrance, gallery, jobs, people, search, tracklets, uploads, videos, wall

STATIC = Path(__file__).parent.parent / "static"


def add_pages(app: FastAPI) -> None:
    """Add every page, and the files that they need, to the application."""
    for part in (wall, uploads, search, tracklets, people, videos, jobs, corrections, gallery, entrance):
        app.include_router(part.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
