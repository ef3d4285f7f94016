"""Uploads that are kept for a while, as queries: each under a random id, and apart from every other."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import time
from dataclasses import replace
from pathlib import Path

from starlette.requests import Request

from stca.catalogue import best
from stca.footage.images import read_image
from stca.gallery.query import Query, open_query
from stca.gallery.query.crops import Box, is_crop
from stca.gallery.query.videos import moment_crops, only_person
from stca.tracking import default_detector, open_detector
from stca.tracks import FoundTracklet
from stca.web.problems import not_found
from stca.web.uploads.decode import FRAMES, DecodedUpload, decode_upload, load_upload
from stca.web.uploads.limits import QUERY, UploadError, UploadLimits
from stca.web.uploads.queue import DecodeQueue
from stca.web.uploads.receiving import Received, receive

KEPT_SECONDS = 3600.0
"""After which an upload is removed."""


class Uploads:
    """Folders of uploads, by id. Who knows the id may use it; ids are random and are never listed.

    Nothing of an upload goes into the gallery, and nothing is looked up by its content: two uploads of one
    file have nothing to do with each other.

    Args:
        root: the folder they are in; made if it is missing.
        queue: who decodes when.
        limits: of an upload.
        most: uploads that are kept at once.

    """

    def __init__(
        self, root: Path, *, queue: DecodeQueue | None = None, limits: UploadLimits = QUERY, most: int = 200
    ) -> None:
        self._root, self._limits, self._most = root, limits, most
        self._queue = queue or DecodeQueue()

    async def add(self, request: Request) -> str:
        """Receive and decode the files of a form; returns the upload's id.

        Raises:
            UploadError: they are refused; then nothing is left of them.

        """
        folder = await asyncio.to_thread(self._new)
        try:
            received = await receive(request, folder, self._limits)
            await asyncio.to_thread(self._decode, folder, received)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder.name

    def get(self, upload: str) -> DecodedUpload:
        """What an upload holds.

        Raises:
            WebError: there is no such upload, or it was removed (404).

        """
        if re.fullmatch(r"[0-9a-f]{32}", upload):
            folder = self._root / upload
            try:
                if time.time() - folder.stat().st_mtime < KEPT_SECONDS:
                    return load_upload(folder)
            except OSError:
                pass
        raise not_found("There is no such upload", hint="uploads are removed after an hour; upload it again")

    def title(self, upload: str) -> str:
        """A name for people: the file's, or how many pictures there are."""
        found = self.get(upload)
        if len(found.labels) == 1:
            return found.labels[0]
        return f"{len(found.pictures)} pictures"

    def expires(self, upload: str) -> float:
        """When an upload is removed, in POSIX seconds."""
        return self.get(upload).folder.stat().st_mtime + KEPT_SECONDS

    def query(
        self,
        upload: str,
        work: Path,
        *,
        image: int = 1,
        box: Box | None = None,
    ) -> Query:
        """The crops of the person who is searched for.

        With a box: the person in it, in a video followed for a second before and after. Without: the only
        person, or crops where the pictures are crops already.

        Args:
            upload: its id.
            work: an existing folder for crops; keep it until the search is done.
            image: number of the picture of the box, from 1.
            box: left, top, width, height in pixels of that picture.

        Raises:
            WebError: there is no such upload or picture.
            GalleryError: nobody or several people.
            ConfigError: a box outside the picture.

        """
        found = self.get(upload)
        if not 1 <= image <= len(found.pictures):
            raise not_found("There is no such picture in the upload", expected=f"1 to {len(found.pictures)}")
        if found.kind == "video":
            query = self._video_query(found, work, image=image, box=box)
        else:
            chosen = found.pictures if box is None else found.pictures[image - 1 : image]
            query = open_query([each.path for each in chosen], work, box=box)
        return replace(query, notes=(*found.notes, *query.notes))

    def remove(self, upload: str) -> None:
        """Remove an upload.

        Raises:
            WebError: there is none (404).

        """
        shutil.rmtree(self.get(upload).folder, ignore_errors=True)

    def remove_expired(self, older: float = KEPT_SECONDS) -> int:
        """Remove uploads that are older than so many seconds, half-received ones too; returns how many."""
        return remove_expired(self._root, older)

    def _video_query(self, found: DecodedUpload, work: Path, *, image: int, box: Box | None) -> Query:
        frames = found.folder / FRAMES
        if box is not None:
            at = (image - 1) / (found.rate or 1.0)
            fetched = best("detector")
            opened = open_detector(fetched.name) if fetched else None
            crops, notes = moment_crops(frames, work, at=at, box=box, detector=opened)
        elif all(is_crop(read_image(found.pictures[i].path)) for i in (0, -1)):
            crops, notes = (
                [each.path for each in found.pictures],
                ["the video is used whole, as crops of one person"],
            )
        else:
            crops, notes = only_person(frames, work, detector=default_detector())
        notes = [note.replace(f"{FRAMES}:", f"{self.title(found.folder.name)}:") for note in notes]
        return Query(FoundTracklet("upload", frames, "query", tuple(crops), None), tuple(notes))

    def _decode(self, folder: Path, received: list[Received]) -> None:
        with self._queue.turn():
            decode_upload(folder, self._limits, received)

    def _new(self) -> Path:
        self.remove_expired()
        self._root.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in self._root.iterdir()) >= self._most:
            raise UploadError(
                "The server keeps too many uploads",
                status=503,
                retry_after=300,
                hint="try again in some minutes",
            )
        return new_folder(self._root)


def new_folder(root: Path) -> Path:
    """An empty folder of a random name (128 bits) that only the server's user may enter."""
    root.mkdir(parents=True, exist_ok=True)
    folder = root / secrets.token_hex(16)
    folder.mkdir(mode=0o700)
    return folder


def remove_expired(root: Path, older: float) -> int:
    """Remove the folders in `root` that were last changed more than `older` seconds ago; returns how many."""
    removed = 0
    if not root.is_dir():
        return 0
    for folder in root.iterdir():
        try:
            old = time.time() - folder.stat(follow_symlinks=False).st_mtime > older
        except OSError:  # removed meanwhile
            continue
        if old and re.fullmatch(r"[0-9a-f]{32}", folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
