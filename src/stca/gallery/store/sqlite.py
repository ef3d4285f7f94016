"""SQLite connections in durable write-ahead mode, and SQLite errors as GalleryErrors."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stca.errors import GalleryBusyError, GalleryError, GalleryFileError


def connect(path: Path, mode: str, wait: float) -> sqlite3.Connection:
    """Open a file with a URI mode of SQLite: rwc, rw, ro, ro&immutable=1."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    # Transactions are explicit, not the module's; threads share the connection under a lock.
    return sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)


def enable_wal(db: sqlite3.Connection, wait: float) -> None:
    """Switch to write-ahead mode, and wait for the disk at every commit."""
    until = time.monotonic() + wait
    while db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:  # SQLite does not wait for this one by itself
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    db.execute(f"PRAGMA mmap_size = {1 << 34}")  # read rows without copying
    db.execute("PRAGMA synchronous = FULL")  # a commit returns when the log is on disk


_WORDS = {
    sqlite3.SQLITE_BUSY: ("Another process is writing to this gallery", "wait until it is done"),
    sqlite3.SQLITE_FULL: ("The disk is full", "make room; everything acknowledged so far is kept"),
    sqlite3.SQLITE_READONLY: ("This gallery can only be read", "check who may write to its folder"),
    sqlite3.SQLITE_CANTOPEN: ("This gallery cannot be opened", "check who may read and write its folder"),
    sqlite3.SQLITE_IOERR: (
        "This gallery's file cannot be read or written",
        "check the disk, its free space and quota; everything acknowledged so far is kept",
    ),
    sqlite3.SQLITE_NOTADB: (
        "This gallery's file is damaged",
        "restore a copy, or add the tracks to a new one",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "This gallery's file is damaged",
        "restore a copy, or add the tracks to a new one (`sqlite3 FILE .recover` saves what is readable)",
    ),
}

_FOR_NOW = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)


def kind_of(error: sqlite3.Error | OSError) -> type[GalleryFileError]:
    """GalleryBusyError where trying again later may help, else GalleryFileError."""
    if isinstance(error, OSError):
        busy = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN)
    else:
        busy = _code(error) in _FOR_NOW
    return GalleryBusyError if busy else GalleryFileError


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@contextmanager
def sqlite_errors(folder: Path) -> Iterator[None]:
    """Raise SQLite and operating-system errors as GalleryErrors that say what to do.

    Raises:
        GalleryFileError: for any of them (GalleryBusyError: locked or full).
        GalleryError: for text that is not valid UTF-8.

    """
    try:
        yield
    except sqlite3.Error as error:
        what, hint = _WORDS.get(_code(error), ("This gallery's file cannot be used", None))
        raise kind_of(error)(what, found=error, where=folder, hint=hint) from error
    except OSError as error:
        found = error.strerror or error
        raise kind_of(error)("This gallery's folder cannot be used", found=found, where=folder) from error
    except UnicodeEncodeError as error:
        raise GalleryError(
            "A name is not valid UTF-8",
            found=ascii(error.object),
            where=folder,
            hint="rename the file or folder",
        ) from error
    except UnicodeDecodeError as error:
        what, hint = _WORDS[sqlite3.SQLITE_CORRUPT]
        raise GalleryFileError(what, found=error, where=folder, hint=hint) from error
