"""Videos being tracked and added: how far they are, and what may be done with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from stca.web import actions
from stca.web.api.common import Id, state_of
from stca.web.api.jobs import job_out
from stca.web.jobs import Job, list_videos
from stca.web.pages.shown.rendering import go, is_partial, render, user_of
from stca.web.problems import WebError
from stca.web.state import ServerState

router = APIRouter()
SHOWN = 50
"""Jobs on the page, at most."""


@router.get("/jobs")
def jobs(request: Request) -> Response:
    """All jobs, and a form for more."""
    state = state_of(request)
    return render(
        request,
        "jobs.html",
        jobs=_shown(state),
        videos=[(video.name, video.size) for video in list_videos(state.settings.videos)],
        folders=bool(state.settings.videos),
    )


@router.get("/jobs/list")
def jobs_list(request: Request) -> Response:
    """Only the list, which a page asks for again and again."""
    return render(request, "_jobs.html", jobs=_shown(state_of(request)))


@router.post("/jobs")
def add(
    request: Request,
    videos: Annotated[Sequence[str], Form()] = (),
    camera: Annotated[str, Form()] = "",
    start: Annotated[str, Form()] = "",
    link: Annotated[str, Form()] = "",
) -> Response:
    """Begin a job."""
    state, user = state_of(request), user_of(request)
    if not videos:
        raise WebError("No video was chosen", status=422, hint="mark the videos that are to be added")
    began = seconds_of(start)
    actions.add_videos(state, user, videos, camera=camera.strip() or None, start=began, link=bool(link))
    return go(request, "/jobs")


@router.post("/jobs/{number}/{action}")
def change(request: Request, number: Id, action: actions.JobAction) -> Response:
    """Let a job rest, go on, or end."""
    actions.change_job(state_of(request), user_of(request), number, action)
    if is_partial(request):
        return jobs_list(request)
    return go(request, "/jobs")


def _shown(state: ServerState) -> list[dict[str, Any]]:
    return [_job(state, job) for job in state.jobs.list()[:SHOWN]]


def _job(state: ServerState, job: Job) -> dict[str, Any]:
    shown = job_out(state, job).model_dump()
    names = shown.pop("videos")
    return shown | {"title": ", ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")}


def seconds_of(text: str) -> float | None:
    """A time of the form as POSIX seconds; the server's time zone holds."""
    if not text:
        return None
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise WebError(
            "This is no date and time", status=422, expected="2026-01-31T10:00:00", found=text[:40]
        ) from None
    if not math.isfinite(seconds):
        raise WebError("This is no date and time", status=422, found=text[:40])
    return seconds
