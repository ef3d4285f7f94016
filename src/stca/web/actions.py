"""What people change, with its line in the audit log: the same for the pages and the interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from stca.web import schemas
from stca.web.access.tokens import User
from stca.web.jobs import Job, NewVideo, allowed_video
from stca.web.problems import WebError
from stca.web.state import ServerState

JobAction = Literal["pause", "resume", "cancel"]


def save_search(
    state: ServerState, who: User, name: str, request: schemas.SearchRequest
) -> schemas.SavedSearch:
    """Keep a search for a tracklet of the gallery.

    Raises:
        WebError: there is no such tracklet (404); it cannot be saved (422).

    """
    if request.key is not None:
        state.snapshot().record(request.key)
    kept = state.saved.add(name, request, author=who.name)
    state.audit.write(who.name, who.role, "save search", search=kept.id, key=request.key)
    return kept


def remove_saved_search(state: ServerState, who: User, number: int) -> None:
    """Forget a saved search; a WebError of status 404 if there is none."""
    state.saved.remove(number)
    state.audit.write(who.name, who.role, "remove saved search", search=number)


def add_videos(
    state: ServerState,
    who: User,
    names: Sequence[str],
    *,
    camera: str | None = None,
    start: float | None = None,
    link: bool = True,
) -> Job:
    """Begin a job that adds videos of the server's folders.

    Args:
        state: of the server.
        who: asks for it.
        names: of the videos, as `list_videos` gives them.
        camera: of the one video; None: its name.
        start: when they began, POSIX seconds; None: unknown.
        link: whether persons are linked at the end.

    Raises:
        WebError: one camera for several videos (422), or a video that may not be added (404).
        JobError: as `Jobs.start`.
        ConfigError: a camera's name that cannot be a folder's.

    """
    if camera is not None and len(names) > 1:
        raise WebError(
            "A camera's name applies to one video only",
            status=422,
            found=f"{len(names)} videos",
            hint="add one video at a time; they may have one camera",
        )
    paths = [allowed_video(state.settings.videos, name) for name in names]
    job = state.jobs.start([NewVideo(path, camera=camera, start=start) for path in paths], link=link)
    state.audit.write(who.name, who.role, "add videos", job=job.id, videos=list(names))
    return job


def change_job(state: ServerState, who: User, number: int, action: JobAction) -> Job:
    """Pause, resume or cancel a job; a JobError if there is none or it is finished."""
    changes = {"pause": state.jobs.pause, "resume": state.jobs.resume, "cancel": state.jobs.cancel}
    job = changes[action](number)
    state.audit.write(who.name, who.role, f"{action} job", job=number)
    return job


def log_upload(state: ServerState, who: User, identifier: str) -> None:
    """Write into the audit log that somebody uploaded something."""
    title = state.uploads.title(identifier)
    state.audit.write(who.name, who.role, "upload", upload=identifier, title=title)
