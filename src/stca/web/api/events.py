"""What changes, as server-sent events: jobs, the gallery, new answers to saved searches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from stca.web.api.common import State
from stca.web.api.jobs import job_out
from stca.web.problems import WebError
from stca.web.state import ServerState

router = APIRouter(tags=["events"])
MOST_STREAMS = 32
"""Clients that listen at once."""
_PAUSE, _ALIVE = 1.0, 15.0
"""Seconds between two looks, and after which something is sent to keep the connection open."""


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(request: Request, state: State) -> StreamingResponse:
    """Events `job` (a job), `gallery` (its size) and `answer` (a saved search has a new answer).

    A stream begins with the present state of each.
    """
    if state.streams >= MOST_STREAMS:
        raise WebError("Too many clients listen", status=503, retry_after=10)
    return StreamingResponse(_stream(request, state), media_type="text/event-stream")


async def _stream(request: Request, state: ServerState) -> AsyncIterator[str]:
    state.streams += 1
    seen: dict[str, str] = {}
    try:
        yield "retry: 3000\n\n"
        quiet = 0.0
        while not state.closing.is_set() and not await request.is_disconnected():
            sent = False
            for name, number, content in await run_in_threadpool(_now, request, state):
                text = json.dumps(content)
                if seen.get(f"{name} {number}") != text:
                    seen[f"{name} {number}"] = text
                    yield f"event: {name}\ndata: {text}\n\n"
                    sent = True
            quiet = 0.0 if sent else quiet + _PAUSE
            if quiet >= _ALIVE:
                yield ": still here\n\n"
                quiet = 0.0
            await asyncio.sleep(_PAUSE)
    finally:
        state.streams -= 1


def _now(request: Request, state: ServerState) -> list[tuple[str, int, Any]]:
    """(event, number, content) of everything that a client may be told."""
    found: list[tuple[str, int, Any]] = [
        ("job", job.id, job_out(job).model_dump()) for job in state.jobs.list()
    ]
    snapshot = state.snapshot()
    found.append(("gallery", 0, {"tracklets": len(snapshot.records), "persons": len(snapshot.persons)}))
    for search, result in request.app.state.answers.now():
        best = result.hits[0] if result.hits and result.hits[0].accepted else None
        content = {
            "search": search.id,
            "name": search.name,
            "answers": sum(1 for hit in result.hits if hit.accepted),
            "best": best.model_dump() if best else None,
        }
        found.append(("answer", search.id, content))
    return found
