"""Sending pictures or a short video to search with, and videos that are to be added."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stca.web import actions
from stca.web.api.common import state_of
from stca.web.pages.jobs import seconds_of
from stca.web.pages.shown.rendering import address, go, user_of
from stca.web.receiving import receive_videos, start_uploaded
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
    await run_in_threadpool(actions.log_upload, state, user, made)
    return go(request, address("/search", upload=made))


@router.post("/jobs/upload", max_body_size=TRACKED.bytes + _FIELDS)
async def add_videos(request: Request) -> Response:
    """Receive videos, and begin a job that adds them."""
    state, user = state_of(request), user_of(request)
    state.upload_rate.require(user.name)
    videos, fields = await receive_videos(state, request)
    start = partial(seconds_of, fields.get("start", ""))
    await run_in_threadpool(start_uploaded, state, user, videos, start)
    return go(request, "/jobs")
