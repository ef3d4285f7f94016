"""Searches that somebody gave a name, kept in the server's folder."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from stca.web import schemas
from stca.web.jobs.own_file import FILE, own_file_errors
from stca.web.problems import WebError, not_found

log = logging.getLogger(__name__)
MOST = 500
"""Saved searches of a server."""
_WAIT = 30.0
"""Seconds for which another process may hold the file."""
_SCHEMA = """CREATE TABLE IF NOT EXISTS searches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created REAL NOT NULL, author TEXT NOT NULL,
    request TEXT NOT NULL)"""
_SEEN = "CREATE TABLE IF NOT EXISTS seen (search INTEGER PRIMARY KEY, row INTEGER NOT NULL)"
"""The gallery's highest row id when somebody last looked through a search's answers; no keys, which would
have to be forgotten with their tracklets."""


class SavedSearches:
    """Searches by id.

    Args:
        folder: the server's; made if it is missing.

    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()

    def all(self) -> list[schemas.SavedSearch]:
        """Every search, newest first; a row that is damaged is left out, and the log says which."""
        rows = self._run("SELECT id, name, created, author, request FROM searches ORDER BY id DESC")
        found = []
        for row in rows:
            try:
                found.append(_saved(row))
            except ValueError:
                log.warning(
                    "saved search %s cannot be read; DELETE /api/v1/searches/%s removes it", row[0], row[0]
                )
        return found

    def get(self, number: int) -> schemas.SavedSearch:
        """The search of an id; a WebError of status 404 if there is none."""
        rows = self._run("SELECT id, name, created, author, request FROM searches WHERE id = ?", number)
        if not rows:
            raise not_found("There is no such saved search", found=number)
        try:
            return _saved(rows[0])
        except ValueError:
            raise WebError(
                "A saved search is damaged", status=500, found=number, hint="remove it, and save it again"
            ) from None

    def seen(self) -> dict[int, int]:
        """The gallery's highest row when somebody last looked through the answers, by id of the search."""
        return dict(self._run("SELECT search, row FROM seen"))

    def mark_seen(self, number: int, row: int) -> None:
        """Note that somebody looked through a search's answers; a WebError of status 404 if there is none."""
        self.get(number)
        self._run("INSERT OR REPLACE INTO seen VALUES (?, ?)", number, row)

    def add(self, name: str, request: schemas.SearchRequest, *, author: str, row: int) -> schemas.SavedSearch:
        """Keep a search, whose answers were looked through up to a row of the gallery.

        Raises:
            WebError: it is not for a tracklet of the gallery, or there are too many.

        """
        if request.key is None:
            raise WebError(
                "Only a search for a tracklet of the gallery can be saved",
                status=422,
                expected="a key",
                hint="uploads are deleted after a while",
            )
        if len(self.all()) >= MOST:
            raise WebError("There are too many saved searches", status=422, expected=f"at most {MOST}")
        text = request.model_dump_json(by_alias=True, exclude_none=True)
        ((number,),) = self._run(
            "INSERT INTO searches (name, created, author, request) VALUES (?, ?, ?, ?) RETURNING id",
            name,
            time.time(),
            author,
            text,
        )
        self.mark_seen(number, row)
        return self.get(number)

    def remove(self, number: int) -> None:
        """Forget a search; a WebError of status 404 if there is none."""
        if not self._run("DELETE FROM searches WHERE id = ? RETURNING id", number):
            raise not_found("There is no such saved search", found=number)
        self._run("DELETE FROM seen WHERE search = ?", number)

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, own_file_errors(self._path.parent):
            self._path.parent.mkdir(exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_WAIT)) as db:
                db.text_factory = lambda text: text.decode("utf-8", "replace")
                db.execute("PRAGMA journal_mode = WAL")
                db.execute(_SCHEMA)
                db.execute(_SEEN)
                rows = db.execute(statement, values).fetchall()
                db.commit()
                return rows


def _saved(row: tuple[Any, ...]) -> schemas.SavedSearch:
    number, name, created, author, request = row
    return schemas.SavedSearch.model_validate(
        {
            "id": number,
            "name": name,
            "created": created,
            "author": author,
            "request": schemas.SearchRequest.model_validate_json(str(request)),
        }
    )
