"""The folders of tracks that jobs make: their names, and how they are removed again."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stca.boxes import read_video_file
from stca.errors import ConfigError
from stca.footage.sources import Source
from stca.gallery import Gallery, Record
from stca.tools.files import locked
from stca.tracking.options import check_camera

_LOCK = ".lock"


@contextmanager
def lock_tracks(tracks: Path, *, wait: float = 20.0) -> Iterator[None]:
    """Lock the folder of all tracks; a process that has it and was just killed may need a moment to end.

    Raises:
        ConfigError: another process still has it after `wait` seconds; the server's folder is gone.

    """
    try:
        tracks.mkdir(exist_ok=True)  # without parents: no gallery is made anew
    except OSError as error:
        raise ConfigError(
            "The folder of tracks cannot be made", found=error.strerror, where=tracks
        ) from error
    until = time.monotonic() + wait
    with ExitStack() as held:
        while True:
            lock = locked(tracks / _LOCK, taken="Another process makes tracks here", hint="stop it first")
            try:
                held.enter_context(lock)
                break
            except ConfigError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield


def choose_folder(tracks: Path, camera: str, source: Source, records: Iterable[Record]) -> str:
    """The name of the folder for a video's tracks.

    It is the camera's, or with the video's name and a number behind it where another video has that folder,
    or the gallery has tracklets under that name from elsewhere: keys of the gallery begin with it.

    Args:
        tracks: folder of the camera folders.
        camera: the camera's name.
        source: the video.
        records: the gallery's.

    Raises:
        ConfigError: a name that cannot be a folder's.

    """
    check_camera(camera)
    here = tracks.absolute()
    taken = {
        record.key.partition("/")[0]
        for record in records
        if record.folder is None or record.folder.absolute().parent.parent != here
    }
    own = camera if camera == source.camera else f"{camera}_{source.camera}"
    numbered = (f"{own}_{number}" for number in itertools.count(2))
    for name in itertools.chain(dict.fromkeys((camera, own)), numbered):
        if name in taken:
            continue
        if not (here / name).exists() or _is_of(here / name, source):
            return name
    raise AssertionError("there is always another number")


def is_finished(folder: Path) -> bool:
    """Whether all tracks of a video are there."""
    return bool((read_video_file(folder) or {}).get("finished"))


def remove_video(gallery: Path | str, folder: Path) -> None:
    """Remove a video's tracks, and its tracklets from the gallery.

    Raises:
        GalleryError: the gallery cannot be written; then the tracks stay.

    """
    where = folder.absolute()
    if not folder.is_dir():
        return
    if Gallery.exists(gallery):
        with Gallery.open(gallery) as opened:
            gone = [
                r.key
                for r in opened.records()
                if r.folder is not None and r.folder.absolute().parent == where
            ]
            if gone:
                opened.remove(*gone)
    shutil.rmtree(folder, ignore_errors=True)


def _is_of(folder: Path, source: Source) -> bool:
    facts = read_video_file(folder) or {}
    return (facts.get("source"), facts.get("identity")) == (source.name, list(source.identity))
