"""Sending pictures or a short video to search with."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stca.web.pages.shown.rendering import address, go, state_of, user_of

router = APIRouter()


@router.post("/uploads")
async def upload(request: Request) -> Response:
    """Receive who is to be searched for, and go on to the answers."""
    state, user = state_of(request), user_of(request)
    made = await state.uploads.add(request)
    await run_in_threadpool(state.audit.write, user.name, user.role, "upload", upload=made)
    return go(request, address("/search", upload=made))
