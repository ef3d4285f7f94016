"""Searches that somebody saved on the page of `stca serve`, to give an alert for.

This knows the file's format and not the server, so that it works without the server's packages.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stca.gallery import Gallery
from stca.gallery.keeping.places import places_of
from stca.gallery.keeping.server_files import DATABASE
from stca.gallery.store.sqlite import connect, sqlite_errors


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search for a tracklet of the gallery.

    Args:
        name: that somebody gave it.
        key: of the tracklet.
        cameras: that are searched; None: all.

    """

    name: str
    key: str
    cameras: frozenset[str] | None


def saved_searches(gallery: Gallery) -> list[SavedSearch]:
    """All that can be read, oldest first.

    Args:
        gallery: that is open.

    Raises:
        GalleryError: the server's file cannot be read.

    """
    return [found for folder in places_of(gallery, "server") for found in _saved(folder / DATABASE)]


def _saved(path: Path) -> list[SavedSearch]:
    if not path.is_file():
        return []
    with sqlite_errors(path.parent), closing(connect(path, "ro", 30.0)) as db:
        try:
            rows = db.execute("SELECT name, request FROM searches ORDER BY id").fetchall()
        except sqlite3.OperationalError:  # no search was ever saved
            return []
    return [found for name, request in rows if (found := _read(name, request)) is not None]


def _read(name: str, request: str) -> SavedSearch | None:
    try:
        asked = json.loads(request)
        cameras = asked.get("cameras")
        return SavedSearch(str(name), str(asked["key"]), None if cameras is None else frozenset(cameras))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # a row that is damaged; the page says so
