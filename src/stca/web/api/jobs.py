"""Jobs: videos that are tracked and whose people are added to the gallery."""

from __future__ import annotations

import math
from functools import partial

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from stca.web import actions, schemas
from stca.web.api.common import Cursor, Id, Limit, State, Who
from stca.web.api.uploads import FORM
from stca.web.jobs import Job, list_videos
from stca.web.listing import page
from stca.web.problems import WebError
from stca.web.receiving import receive_videos, start_uploaded
from stca.web.state import ServerState
from stca.web.uploads import TRACKED

router = APIRouter(tags=["jobs"])


@router.get("/videos")
def videos(state: State) -> list[schemas.Video]:
    """Videos that may be added: those in the folders that the server's owner allowed."""
    done = state.jobs.added()
    return [
        schemas.Video(
            name=each.name,
            bytes=each.size,
            modified=each.changed,
            added=each.path in done or state.footage.has(each.path),
        )
        for each in list_videos(state.settings.videos)
    ]


@router.get("/jobs")
def list_jobs(state: State, cursor: Cursor = None, limit: Limit = 60) -> schemas.JobPage:
    """Jobs, newest first."""
    found = list(state.jobs.list())
    some, after = page(found, lambda job: str(job.id), cursor, limit)
    return schemas.JobPage(items=[job_out(state, job) for job in some], next=after, total=len(found))


@router.post("/jobs", status_code=201)
def add_videos(state: State, who: Who, given: schemas.JobIn) -> schemas.Job:
    """Track videos of the server's folders, and add the people to the gallery."""
    job = actions.add_videos(
        state, who, given.videos, camera=given.camera, start=given.start, link=given.link
    )
    return job_out(state, job)


@router.post("/jobs/upload", status_code=201, openapi_extra=FORM, max_body_size=TRACKED.bytes + (1 << 20))
async def add_uploaded_videos(request: Request, state: State, who: Who) -> schemas.Job:
    """Upload videos, track them, and add the people to the gallery."""
    state.upload_rate.require(who.name)
    videos, fields = await receive_videos(state, request)
    start = partial(_seconds, fields.get("start"))
    job = await run_in_threadpool(start_uploaded, state, who, videos, start)
    return job_out(state, job)


@router.get("/jobs/{number}")
def get_job(state: State, number: Id) -> schemas.Job:
    """One job."""
    return job_out(state, state.jobs.get(number))


@router.post("/jobs/{number}/pause")
def pause_job(state: State, who: Who, number: Id) -> schemas.Job:
    """Pause a job."""
    return job_out(state, actions.change_job(state, who, number, "pause"))


@router.post("/jobs/{number}/resume")
def resume_job(state: State, who: Who, number: Id) -> schemas.Job:
    """Go on with a paused job."""
    return job_out(state, actions.change_job(state, who, number, "resume"))


@router.post("/jobs/{number}/cancel")
def cancel_job(state: State, who: Who, number: Id) -> schemas.Job:
    """Stop a job for good; videos that it has finished stay."""
    return job_out(state, actions.change_job(state, who, number, "cancel"))


def job_out(state: ServerState, job: Job) -> schemas.Job:
    """A job as the interface gives it; its texts do not say where the server's files are."""
    return schemas.Job(
        id=job.id,
        created=job.created,
        videos=[video.camera or video.path.name for video in job.videos],
        state=job.state,
        stage=job.stage,
        progress=job.progress,
        frames=job.frames,
        frames_per_second=job.frames_per_second,
        seconds_left=job.seconds_left,
        message=state.public(job.message),
        error=None if job.error is None else state.public(job.error),
    )


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
        if not math.isfinite(seconds):
            raise ValueError
    except ValueError:
        raise WebError("A video's start is a number of POSIX seconds", status=422, found=text[:100]) from None
    return seconds
