"""SQLite as a gallery needs it: write-ahead, durable at every commit, and its complaints in words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stca.errors import GalleryError


def connect(path: Path, mode: str, wait: float) -> sqlite3.Connection:
    """Open a file in a mode of SQLite's addresses: rwc, rw, ro, ro&immutable=1."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    # Transactions are begun and ended here, not by the module; several threads may take turns.
    return sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)


def set_up(db: sqlite3.Connection, wait: float) -> None:
    """Write ahead, and wait for the disk at every commit."""
    until = time.monotonic() + wait
    while db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:  # for this, SQLite does not wait by itself
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    db.execute(f"PRAGMA mmap_size = {1 << 34}")  # rows are read where they lie, not copied first
    db.execute("PRAGMA synchronous = FULL")  # a commit waits for the log to be on disk


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


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """SQLite's complaints, in words.

    Raises:
        GalleryError: for any of them, for what the operating system complains about, and for text that is
            not UTF-8.

    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        what, hint = _WORDS.get(code, ("This gallery's file cannot be used", None))
        raise GalleryError(what, found=error, where=folder, hint=hint) from error
    except OSError as error:
        found = error.strerror or error
        raise GalleryError("This gallery's folder cannot be used", found=found, where=folder) from error
    except UnicodeEncodeError as error:
        raise GalleryError(
            "A gallery's names are UTF-8", found=ascii(error.object), where=folder, hint="rename it"
        ) from error
    except UnicodeDecodeError as error:
        what, hint = _WORDS[sqlite3.SQLITE_CORRUPT]
        raise GalleryError(what, found=error, where=folder, hint=hint) from error
