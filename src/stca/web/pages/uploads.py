"""Sending pictures or a short video to search with, and videos that are to be added."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stca.web.jobs import NewVideo
from stca.web.pages.jobs import seconds_of
from stca.web.pages.shown.rendering import address, go, state_of, user_of
from stca.web.receiving import receive_videos
from stca.web.uploads import QUERY, TRACKED

router = APIRouter()
_FIELDS = 1 << 20
"""Bytes of a form beside its files."""


@router.post("/uploads", max_body_size=QUERY.bytes + _FIELDS)
async def upload(request: Request) -> Response:
    """Receive who is to be searched for, and go on to the answers."""
    state, user = state_of(request), user_of(request)
    state.upload_rate.require(user.name)
    made = await state.uploads.add(request)
    await run_in_threadpool(state.audit.write, user.name, user.role, "upload", upload=made)
    return go(request, address("/search", upload=made))


@router.post("/jobs/upload", max_body_size=TRACKED.bytes + _FIELDS)
async def add_videos(request: Request) -> Response:
    """Receive videos, and begin a job that adds them."""
    state_of(request).upload_rate.require(user_of(request).name)
    files, fields = await receive_videos(state_of(request), request)
    return await run_in_threadpool(_start, request, files, fields.get("start", ""))


def _start(request: Request, files: list[NewVideo], start: str) -> Response:
    state, user = state_of(request), user_of(request)
    began = seconds_of(start)
    job = state.jobs.start([NewVideo(each.path, each.camera, began) for each in files], link=True)
    state.audit.write(user.name, user.role, "add videos", job=job.id, videos=[each.camera for each in files])
    return go(request, "/jobs")
