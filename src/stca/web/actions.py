"""What people change, once it is in the audit log: the same for the pages and the interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from stca.errors import StcaError
from stca.gallery.keeping import Forgotten, forget
from stca.linking.persons import Person
from stca.web import schemas
from stca.web.access.tokens import User
from stca.web.jobs import Job, NewVideo, allowed_video
from stca.web.listing import Snapshot
from stca.web.media.cache import PICTURES
from stca.web.problems import WebError
from stca.web.searching import check_request, require_numbering
from stca.web.state import ServerState

_WAIT = 30.0
"""Seconds that a forgetting waits for others to end a read or a write."""

JobAction = Literal["pause", "resume", "cancel"]


def save_search(
    state: ServerState, who: User, name: str, request: schemas.SearchRequest
) -> schemas.SavedSearch:
    """Keep a search for a tracklet of the gallery.

    Raises:
        WebError: there is no such tracklet (404); it cannot be saved (422); persons were numbered anew (409).

    """
    if request.key is not None:
        state.snapshot().record(request.key)
    check_request(request)
    require_numbering(state, request)
    if request.persons and request.numbering is None:
        request = request.model_copy(update={"numbering": state.gallery.linkings()})
    state.audit.write(who.name, who.role, "save search", name=name, key=request.key)
    return state.saved.add(name, request, author=who.name, row=state.newest_row())


def mark_seen(state: ServerState, who: User, number: int, row: int) -> None:
    """Note that the answers to a saved search were looked through, up to a row of the gallery.

    Raises:
        WebError: there is no such search (404).

    """
    state.audit.write(who.name, who.role, "look through answers", search=number)
    state.saved.mark_seen(number, min(row, state.newest_row()))


def remove_saved_search(state: ServerState, who: User, number: int) -> None:
    """Forget a saved search; a WebError of status 404 if there is none."""
    state.audit.write(who.name, who.role, "remove saved search", search=number)
    state.saved.remove(number)


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
        WebError: one camera for several videos (422), a video that may not be added (404), or one that the
            gallery has (409).
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
    if there := [name for name, path in zip(names, paths, strict=True) if state.footage.has(path)]:
        raise WebError(
            "The gallery already has the people of this video",
            status=409,
            found=", ".join(there),
            hint="choose only new videos; a video that was tracked again is added by `stca gallery add`",
        )
    state.audit.write(who.name, who.role, "add videos", videos=list(names))
    return state.jobs.start([NewVideo(path, camera=camera, start=start) for path in paths], link=link)


def change_job(state: ServerState, who: User, number: int, action: JobAction) -> Job:
    """Pause, resume or cancel a job; a JobError if there is none or it is finished."""
    changes = {"pause": state.jobs.pause, "resume": state.jobs.resume, "cancel": state.jobs.cancel}
    state.jobs.get(number)
    state.audit.write(who.name, who.role, f"{action} job", job=number)
    return changes[action](number)


def forget_tracklets(state: ServerState, who: User, keys: Sequence[str], names: Sequence[str]) -> Forgotten:
    """Forget tracklets for good (`stca.gallery.keeping`); the audit log says only how many.

    One at a time: whoever waits for another's forgetting is told (404) if that one took the tracklets too.

    Raises:
        WebError: there is no such tracklet (404).
        GalleryError: as `stca.gallery.keeping.forget`.

    """
    with state.forget_lock:
        for key in keys:
            state.snapshot().record(key)
        state.audit.write(who.name, who.role, "forget", tracklets=len(keys))
        try:
            return forget(state.gallery, keys, names=names, wait=_WAIT)
        finally:
            PICTURES.clear()


def names_to_forget(snapshot: Snapshot, person: Person | None) -> list[str]:
    """A person's name, unless somebody else has it too."""
    if person is None or person.name is None:
        return []
    others = (each.name for each in snapshot.persons.values() if each.number != person.number)
    return [] if person.name in others else [person.name]


def log_upload(state: ServerState, who: User, identifier: str) -> None:
    """Write into the audit log that somebody uploaded something; it is removed where that fails."""
    title = state.uploads.title(identifier)
    try:
        state.audit.write(who.name, who.role, "upload", upload=identifier, title=title)
    except StcaError:
        state.uploads.remove(identifier)
        raise
