"""What `stca watch` would refuse at its start, found without making anything or calling a camera."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from stca.errors import ConfigError, GalleryError, StcaError
from stca.gallery import Gallery, ModelFingerprint
from stca.gallery.keeping.places import OUTBOX
from stca.gallery.store.file import can_create
from stca.gallery.store.sqlite import connect
from stca.runs.gallery_model import choose_model, lasting_name
from stca.runs.open_model import open_model
from stca.tools.files import locked
from stca.tracking.camera_folder.recorded import read_camera_folder
from stca.watch.clock import WallClock
from stca.watch.people.identities import Identities
from stca.watch.settings import WatchSettings, folder_settings
from stca.watch.storing import Persons
from stca.watch.thresholds import GalleryThresholds, choose_thresholds

LOCK = ".watch.lock"
"""In `out` and in a gallery's folder, held by whoever watches into it."""


def check_start(
    settings: WatchSettings, *, alerts: Sequence[str] = (), events: Sequence[str] = ()
) -> list[str]:
    """Check the folders, the gallery and its model, and the files of events.

    Args:
        settings: what would be watched.
        alerts: as of `watch`.
        events: as of `watch`.

    Returns:
        what is in the way at present only: another process that watches.

    Raises:
        StcaError: what `watch` would raise, or a camera's process would fail by again and again.

    """
    out = settings.out
    place = settings.gallery or out / "gallery"
    _require_folder(out, "another out below [watch]")
    for camera in settings.cameras:
        tracks = out / "tracks" / camera.name
        _require_folder(tracks, "another out below [watch], or another name of the camera")
        if tracks.is_dir():
            read_camera_folder(tracks, folder_settings(camera.name))
    _check_outbox(out / OUTBOX)
    for file in events:
        if file != "-":
            _check_events(Path(file))
    if isinstance(place, Path) and not Gallery.exists(place):
        _require_folder(place, "another gallery below [watch]")
        can_create(place)
    _check_gallery(place, settings, alerts)
    folders = [out, *([place] if isinstance(place, Path) else [])]
    return [
        f"another process watches into {folder} at present; end it before this one starts"
        for folder in folders
        if _is_locked(folder / LOCK)
    ]


def _check_gallery(place: Path | str, settings: WatchSettings, alerts: Sequence[str]) -> None:
    name = choose_model(place, settings.model)
    model = open_model(name)
    if Gallery.exists(place):
        with Gallery.open(place) as gallery:
            gallery.require_model(model)
            require_writable(gallery)
            decide = GalleryThresholds(gallery, settings).decide
            if alerts:
                nobody = Identities(decide.value, dim=gallery.fingerprint.dim, new_number=lambda: 0)
                Persons(gallery, nobody, WallClock()).wanted(alerts)
        return
    fingerprint = ModelFingerprint.of(model)
    choose_thresholds(fingerprint, settings, source=lasting_name(name), where=place)
    if alerts:
        raise GalleryError(
            "The gallery has nobody to give an alert for",
            expected="an --alert for somebody of a gallery that is there",
            found=", ".join(alerts),
            where=place,
        )


def require_writable(gallery: Gallery) -> None:
    """Raise GalleryError if this process may not write to a gallery."""
    if not gallery.writable:
        raise GalleryError("This gallery can only be read", where=gallery.where)


def _require_folder(path: Path, hint: str) -> None:
    """Raise ConfigError unless this is a folder that can be written, or can be made."""
    path = path.absolute()
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not there.is_dir():
        raise ConfigError(
            "This folder cannot be made",
            expected="a new folder, or one of before",
            found="a link to nowhere" if there.is_symlink() and not there.exists() else "a file",
            where=there,
            hint=hint,
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".stca-check-", dir=there):
            pass
    except OSError as error:
        raise ConfigError(
            "This folder cannot be written", found=error.strerror or error, where=there, hint=hint
        ) from error


def _check_outbox(path: Path) -> None:
    if not os.path.lexists(path):
        return
    try:
        with closing(connect(path, "rw", 60.0)) as db:
            db.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise StcaError("Cannot open the file of events", found=error, where=path) from error


def _check_events(path: Path) -> None:
    _require_folder(path.parent, "another --events FILE")
    if os.path.lexists(path) and (path.is_dir() or not os.access(path, os.W_OK)):
        found = "a folder" if path.is_dir() else "a file that may not be written"
        raise StcaError("Cannot write events to a file", found=found, where=path)


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with locked(path, taken="watched"):
            return False
    except ConfigError:
        return True
