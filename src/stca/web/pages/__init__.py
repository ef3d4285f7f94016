"""The pages of `stca serve`: HTML from the same data as the interface below `/api/v1`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from stca.errors import StcaError
from stca.web.pages import (
    corrections,
    entrance,
    forget,
    gallery,
    jobs,
    live,
    people,
    search,
    tracklets,
    uploads,
    videos,
    wall,
)
from stca.web.pages.errors import refusal_page, show_errors_as_pages
from stca.web.pages.shown.rendering import environment
from stca.web.state import ServerState

__all__ = ["add_pages", "prepare", "refusal_page"]

STATIC = Path(__file__).parent.parent / "static"


def add_pages(app: FastAPI) -> None:
    """Add every page, the files that they need, and pages for errors to an application with its handlers."""
    for part in (
        wall,
        uploads,
        search,
        tracklets,
        people,
        live,
        videos,
        jobs,
        corrections,
        gallery,
        forget,
        entrance,
    ):
        app.include_router(part.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    show_errors_as_pages(app)


def prepare(state: ServerState) -> None:
    """Read the gallery and the first page's template before somebody asks for it."""
    environment().get_template("wall.html")
    with suppress(StcaError):  # whoever asks is told
        state.snapshot().kept("wall", wall.everybody_of)
