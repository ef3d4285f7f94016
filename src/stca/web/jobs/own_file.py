"""Errors of the server's own file, `serve.sqlite`, which must not read as if the gallery were damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.store.sqlite import sqlite_errors

FILE = "serve.sqlite"
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@contextmanager
def own_file_errors(folder: Path) -> Iterator[None]:
    """Raise errors of SQLite and of the system as `sqlite_errors` does, in words about the server's file.

    Raises:
        GalleryError: for any of them.

    """
    try:
        with sqlite_errors(folder):
            yield
    except GalleryError as error:
        cause = error.__cause__
        if not isinstance(cause, sqlite3.Error | OSError | UnicodeError):
            raise
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        damaged = code in _DAMAGED or isinstance(cause, UnicodeDecodeError)
        raise type(error)(
            "The server's own file is damaged" if damaged else "The server's own file cannot be used",
            found=error.found,
            where=folder / FILE,
            hint=f"end the server, move {FILE} away (jobs and saved searches are in it), and start it again"
            if damaged
            else None,
        ) from cause
