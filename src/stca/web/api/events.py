"""What changes, as server-sent events: jobs, the gallery, new answers to saved searches, watched cameras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from stca.errors import StcaError
from stca.web.access.guard import LOCAL
from stca.web.access.tokens import User
from stca.web.api.common import State
from stca.web.api.jobs import job_out
from stca.web.api.live import live_now
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
    """Events `job` (a job), `gallery` (its size), `answer` (a saved search has a new answer) and `live`.

    `live`, where cameras are watched, has their states, who is in view, and the latest event.

    A stream begins with the present state of each.
    """
    if state.streams >= MOST_STREAMS:
        raise WebError("Too many clients listen", status=503, retry_after=10)
    state.streams += 1  # nothing is awaited since it was checked
    return _Counted(_stream(request, state), state)


class _Counted(StreamingResponse):
    """A stream that is counted until it ends, however it ends, also before its first line."""

    def __init__(self, lines: AsyncIterator[str], state: ServerState) -> None:
        super().__init__(lines, media_type="text/event-stream")
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._state.streams -= 1


async def _stream(request: Request, state: ServerState) -> AsyncIterator[str]:
    seen: dict[str, str] = {}
    jobs = 0  # version of the jobs that were sent
    yield "retry: 3000\n\n"
    quiet = 0.0
    while not state.closing.is_set() and not await request.is_disconnected():
        if not await run_in_threadpool(_may_still_listen, request, state):
            return
        sent = False
        jobs, now = await run_in_threadpool(_now, request, state, jobs)
        for name, number, content in now:
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


def _may_still_listen(request: Request, state: ServerState) -> bool:
    """Whether the token of who listens was not revoked meanwhile."""
    user: User = request.state.user
    return user == LOCAL or any(
        (each.name, each.role) == (user.name, user.role) for each in state.tokens.all()
    )


def _now(request: Request, state: ServerState, since: int) -> tuple[int, list[tuple[str, int, Any]]]:
    """The jobs' version, and (event, number, content) of jobs changed since another, and of all else."""
    version, changed = state.jobs.wait_change(since, 0.0)
    found: list[tuple[str, int, Any]] = [("job", job.id, job_out(state, job).model_dump()) for job in changed]
    snapshot = state.snapshot()
    found.append(("gallery", 0, {"tracklets": len(snapshot.records), "persons": len(snapshot.persons)}))
    for search, result in request.app.state.answers.now():
        best = next((hit for hit in result.hits if hit.accepted), None)
        content = {
            "search": search.id,
            "name": search.name,
            "answers": sum(1 for hit in result.hits if hit.accepted),
            "best": best.model_dump() if best else None,
        }
        found.append(("answer", search.id, content))
    with suppress(StcaError):  # a damaged file of events, of which the page says more
        live = live_now(state, 1)
        if live.cameras or live.events:
            found.append(("live", 0, live.model_dump(exclude={"seen"})))
    return version, found
