"""Removing from a SQLite file in write-ahead mode whatever is no longer part of its tables.

Free pages and the gaps within pages go with `VACUUM`. The log (`-wal`) and the end of the file would be cut
off, which leaves their bytes on the disk, so they are overwritten by a table of zeros before.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

_PIECE = 1 << 26


class InUseError(Exception):
    """Another connection reads or writes; the file is not clean yet."""


def clean(db: sqlite3.Connection, path: Path, wait: float) -> None:
    """Clean a file; others may have it open and go on afterwards.

    Args:
        db: a connection that is in no transaction; its PRAGMA secure_delete is on afterwards.
        path: of the file.
        wait: seconds to wait for others to end a read or a write.

    Raises:
        InUseError: somebody reads or writes for longer.
        sqlite3.Error: as of any write.

    """
    (before,) = db.execute("PRAGMA busy_timeout").fetchone()
    (automatic,) = db.execute("PRAGMA wal_autocheckpoint").fetchone()
    try:
        db.execute(f"PRAGMA busy_timeout = {round(1000 * wait)}")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA secure_delete = ON")
        _clean(db, path)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise InUseError from error
        raise
    finally:
        db.execute(f"PRAGMA wal_autocheckpoint = {automatic}")
        db.execute(f"PRAGMA busy_timeout = {before}")


def _clean(db: sqlite3.Connection, path: Path) -> None:
    db.execute("DROP TABLE IF EXISTS zeros")  # of a process that was killed
    checkpoint(db, "RESTART")  # the log is written from its beginning now
    (size,) = db.execute("PRAGMA page_size").fetchone()
    log = path.with_name(f"{path.name}-wal")
    pages = max(_pages(db), -(-log.stat().st_size // size) if log.exists() else 0)
    db.execute("VACUUM")
    db.execute("CREATE TABLE zeros (zero BLOB)")
    cut = max(pages - _pages(db), 0) * size
    for start in range(0, cut, _PIECE):
        db.execute("INSERT INTO zeros VALUES (zeroblob(?))", (min(_PIECE, cut - start),))
    checkpoint(db, "TRUNCATE")
    db.execute("PRAGMA secure_delete = OFF")  # zeros need not be overwritten by zeros
    db.execute("DROP TABLE zeros")
    db.execute("PRAGMA secure_delete = ON")
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    if 2 * free > _pages(db):
        db.execute("VACUUM")
    with suppress(InUseError):  # the log holds nothing but what is in the tables
        checkpoint(db, "TRUNCATE")


def checkpoint(db: sqlite3.Connection, kind: str) -> None:
    """Bring the log into the file.

    Args:
        db: a connection that is in no transaction.
        kind: PASSIVE, FULL, RESTART or TRUNCATE.

    Raises:
        InUseError: somebody reads or writes for longer than the connection waits.

    """
    if db.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()[0]:
        raise InUseError


def _pages(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA page_count").fetchone()[0])
