"""Receive videos that are to be tracked: bounded while they arrive, checked before a job gets them."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from starlette.requests import Request

from stca.tools.files import stem
from stca.web.access.tokens import User
from stca.web.jobs import Job, NewVideo
from stca.web.state import ServerState
from stca.web.uploads import TRACKED, UploadError, check_video, receive_form
from stca.web.uploads.store import new_folder

_LONGEST = 60


async def receive_videos(state: ServerState, request: Request) -> tuple[list[NewVideo], Mapping[str, str]]:
    """The videos of a form, in a folder of their own, and the form's other entries.

    Raises:
        UploadError: they are refused, also where one of them is no video; then nothing is left of them.

    """
    folder = await asyncio.to_thread(new_folder, state.jobs.videos)
    try:
        form = await receive_form(request, folder, TRACKED)
        videos = []
        for number, received in enumerate(form.files, start=1):
            try:
                await asyncio.to_thread(check_video, received.path, TRACKED)
            except UploadError as error:
                error.where = received.label
                raise
            videos.append(NewVideo(received.path, camera=camera_name(received.label, number)))
        return videos, form.fields
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def start_uploaded(
    state: ServerState, who: User, videos: Sequence[NewVideo], start: Callable[[], float | None]
) -> Job:
    """Queue a job for received videos; they are removed where it cannot be queued.

    Args:
        state: of the server.
        who: uploaded them.
        videos: from `receive_videos`.
        start: gives when they began, POSIX seconds; None: unknown.

    Raises:
        JobError: too many jobs wait.
        StcaError: as `start`.

    """
    try:
        begun = start()
        state.audit.write(who.name, who.role, "add videos", videos=[video.camera for video in videos])
        return state.jobs.start([replace(video, start=begun) for video in videos], link=True)
    except BaseException:
        shutil.rmtree(videos[0].path.parent, ignore_errors=True)
        raise


def camera_name(label: str, number: int) -> str:
    """A camera's name from what a client calls its file: letters, digits, spaces, dots and dashes of it."""
    name = re.sub(r"[^\w .\-]", "_", stem(PurePath(label))).strip(" .")[:_LONGEST]
    return name or f"upload{number}"
