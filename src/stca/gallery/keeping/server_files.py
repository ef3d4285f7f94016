"""Erasing tracklets from what `stca serve` keeps in a folder: searches, logs, jobs, uploads.

This knows the formats of these files and not the server, so that it works without the server's packages.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.errors import GalleryError
from stca.gallery.store.cleaning import InUseError, clean
from stca.gallery.store.sqlite import connect, enable_wal, sqlite_errors
from stca.tools.erasing import erase_tree, replace_erasing
from stca.tools.files import exclusively

DATABASE, AUDIT, UPLOADS = "serve.sqlite", "audit.log", "uploads"
JOB_LOG = "job.log"
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_TEXTS = {"jobs": ("message", "error"), "job_videos": ("error",)}
"""Columns that may name a tracklet in a sentence."""


@dataclass(frozen=True, slots=True)
class ErasedFromServer:
    """What was erased.

    Args:
        searches: saved searches for one of the tracklets.
        lines: of the audit log that named one.
        uploads: all of them: whom they show is not known.
        left: what was not erased, and why.

    """

    searches: int = 0
    lines: int = 0
    uploads: int = 0
    left: tuple[str, ...] = ()

    def __add__(self, other: ErasedFromServer) -> ErasedFromServer:
        return ErasedFromServer(
            self.searches + other.searches,
            self.lines + other.lines,
            self.uploads + other.uploads,
            self.left + other.left,
        )


def erase_from_server(
    folder: Path, keys: Sequence[str], *, wait: float = 60.0, dry_run: bool = False
) -> ErasedFromServer:
    """Erase tracklets from the server's files; it may run meanwhile.

    Args:
        folder: the server's.
        keys: of the tracklets.
        wait: seconds to wait for others to end a read or a write.
        dry_run: only count.

    Raises:
        GalleryError: the files cannot be written.

    """
    if not keys or not folder.is_dir():
        return ErasedFromServer()
    naming = _naming(frozenset(keys))
    with sqlite_errors(folder):
        searches = _erase_searches(folder / DATABASE, naming, wait, dry_run=dry_run)
        lines = _redact_audit(folder / AUDIT, naming, dry_run=dry_run)
        uploads = _erase_uploads(folder / UPLOADS, dry_run=dry_run)
        if not dry_run:
            _empty_log(folder / JOB_LOG, naming)
    videos = folder / "videos"
    left = (f"{videos}: uploaded videos",) if videos.is_dir() and any(videos.iterdir()) else ()
    return ErasedFromServer(searches, lines, uploads, left)


def names_one(value: Any, keys: Set[str]) -> bool:
    """Whether a value of JSON has one of these keys in it: as a text, or within a sentence or a path of one.

    `door/0003` is in `found door/0003.` and in `/tracks/door/0003/000012.jpg`, and not in `door/00031`,
    `backdoor/0003` or `house/door/0003`, which are other keys.
    """
    return bool(keys) and _has(value, _naming(keys))


def _naming(keys: Set[str]) -> re.Pattern[str]:
    """Matches where a text names one of these keys."""
    by_folder: dict[str, list[str]] = {}  # so that one look tells most places from all keys of a camera
    for key in sorted(keys):
        folder, slash, name = key.rpartition("/")
        by_folder.setdefault(re.escape(folder + slash), []).append(re.escape(name))
    named = "|".join(f"{folder}(?:{'|'.join(names)})" for folder, names in by_folder.items())
    return re.compile(rf"(?:(?<![\w/.-])|(?<=(?<![\w.-])tracks/))(?:{named})(?!\w|[.-]\d)")


def _has(value: Any, naming: re.Pattern[str]) -> bool:
    if isinstance(value, str):
        return naming.search(value) is not None
    if isinstance(value, dict):
        return any(_has(each, naming) for each in value.values())
    return isinstance(value, list) and any(_has(each, naming) for each in value)


def _erase_searches(path: Path, naming: re.Pattern[str], wait: float, *, dry_run: bool) -> int:
    if not path.is_file():
        return 0
    with closing(connect(path, "ro" if dry_run else "rw", wait)) as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = db.execute("SELECT id, request FROM searches").fetchall() if "searches" in tables else []
        gone = [(number,) for number, request in found if _has(_parsed(request), naming)]
        if dry_run:
            return len(gone)
        enable_wal(db, wait)
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        if gone:  # else there may be no such table
            db.executemany("DELETE FROM searches WHERE id = ?", gone)
        for table in _TEXTS.keys() & tables:
            for column in _TEXTS[table]:
                _blank(db, table, column, naming)
        db.execute("COMMIT")
        try:
            clean(db, path, wait)
        except InUseError as error:
            raise GalleryError(
                "The server's own file is in use, and cannot be cleaned of what is to be forgotten",
                expected="that nobody reads or writes it for a moment",
                where=path,
                hint="run `stca gallery forget GALLERY` without a key: it goes on",
            ) from error
    return len(gone)


def _blank(db: sqlite3.Connection, table: str, column: str, naming: re.Pattern[str]) -> None:
    for (text,) in db.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
        if text and _has(text, naming):
            db.execute(f"UPDATE {table} SET {column} = 'forgotten' WHERE {column} = ?", (text,))


def _redact_audit(path: Path, naming: re.Pattern[str], *, dry_run: bool) -> int:
    """Lines that name a tracklet keep their time, who and what was done."""
    if not path.is_file():
        return 0
    with exclusively(path) as file:
        lines = list(_redacted(file.read().splitlines(keepends=True), naming))
        changed = sum(new for _, new in lines)
        if changed and not dry_run:
            replace_erasing(path, b"".join(line for line, _ in lines))
    return changed


def _redacted(lines: Sequence[bytes], naming: re.Pattern[str]) -> Iterator[tuple[bytes, bool]]:
    for line in lines:
        entry = _parsed(line)
        if isinstance(entry, dict) and _has(entry, naming):
            kept = {name: entry[name] for name in ("time", "who", "role", "action") if name in entry}
            yield json.dumps(kept | {"forgotten": True}, ensure_ascii=False).encode() + b"\n", True
        else:
            yield line, False


def _empty_log(path: Path, naming: re.Pattern[str]) -> None:
    """What the last job's process printed; it may still have the file open."""
    if path.is_file() and _has(path.read_text(encoding="utf-8", errors="replace"), naming):
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
            file.truncate(0)


def _erase_uploads(root: Path, *, dry_run: bool) -> int:
    if not root.is_dir():
        return 0
    folders = [f for f in root.iterdir() if _UPLOAD.fullmatch(f.name) and f.is_dir() and not f.is_symlink()]
    for folder in folders if not dry_run else ():
        try:
            erase_tree(folder)
        except FileNotFoundError:  # the server removes it at the same time
            continue
    return len(folders)


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
