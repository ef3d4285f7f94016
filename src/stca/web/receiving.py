"""Receive videos that are to be tracked: bounded while they arrive, checked before a job gets them."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping
from pathlib import PurePath

from starlette.requests import Request

from stca.web.jobs import NewVideo
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


def camera_name(label: str, number: int) -> str:
    """A camera's name from what a client calls its file: letters, digits, spaces, dots and dashes of it."""
    name = re.sub(r"[^\w .\-]", "_", PurePath(label).stem).strip(" .")[:_LONGEST]
    return name or f"upload{number}"
