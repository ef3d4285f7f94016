"""Erasing tracklets from what `stca watch` keeps: its events, and the files of them.

This knows the formats of these files and not the watching, which may go on meanwhile.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.errors import GalleryError
from stca.gallery.gallery import Gallery
from stca.gallery.keeping.places import places_of
from stca.gallery.keeping.unerased import Unerased
from stca.gallery.store.cleaning import InUseError, clean
from stca.gallery.store.sqlite import connect, sqlite_errors

_TABLES = {"about", "events", "receivers", "walking"}
_FILE = "file "  # the name of a receiver that is a file begins with it

Event = dict[str, Any]
Change = Callable[[Event], Event | None]
"""Gives what is left of an event, or None for all of it."""


@dataclass(frozen=True, slots=True)
class ErasedFromWatch:
    """What was erased.

    Args:
        events: that named one of the tracklets, taken by their receivers or not.
        lines: of files of events; of each, only the id is left.
        unerased: files of events that could not be written; what is to be tried again.

    """

    events: int = 0
    lines: int = 0
    unerased: tuple[Unerased, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """What was not erased, and why."""
        return tuple(map(str, self.unerased))

    def __add__(self, other: ErasedFromWatch) -> ErasedFromWatch:
        return ErasedFromWatch(
            self.events + other.events, self.lines + other.lines, self.unerased + other.unerased
        )


def erase_from_watch(
    gallery: Gallery, keys: Sequence[str], *, wait: float = 60.0, dry_run: bool = False
) -> ErasedFromWatch:
    """Erase the events that name a tracklet, whoever has taken them, and what was said while it walked.

    Args:
        gallery: that is open.
        keys: of the tracklets.
        wait: seconds to wait for others to end a read or a write.
        dry_run: only count.

    Raises:
        GalleryError: the file of events cannot be written.

    """
    gone = frozenset(keys)
    change = _without_tracklets(gone)

    def erase(db: sqlite3.Connection, numbers: Sequence[int]) -> None:
        db.executemany("DELETE FROM events WHERE number = ?", [(number,) for number in numbers])
        db.executemany("DELETE FROM walking WHERE tracklet = ?", [(key,) for key in gone])

    paths = places_of(gallery, "events") if gone else []
    facts = {"keys": sorted(gone)}
    done = (_erase(path, change, erase, wait, facts, dry_run=dry_run) for path in paths)
    return sum(done, ErasedFromWatch())


def erase_lines_again(some: Sequence[Unerased], *, dry_run: bool = False) -> ErasedFromWatch:
    """Erase from files of events what could not be erased before.

    Args:
        some: of the kind "events".
        dry_run: only count.

    """
    done = ErasedFromWatch()
    for each in some:
        if "keys" in each.facts:
            change = _without_tracklets(frozenset(each.facts["keys"]))
        else:
            change = _without_names(frozenset(each.facts["names"]))
        done += _erase_lines(each.path, change, each.facts, dry_run=dry_run)
    return done


def erase_names_from_watch(gallery: Gallery, names: Sequence[str], *, wait: float = 60.0) -> ErasedFromWatch:
    """Erase the names of persons from the events of whoever had them for a while.

    Raises:
        GalleryError: as `erase_from_watch`.

    """
    gone = frozenset(names)
    change = _without_names(gone)

    def erase(db: sqlite3.Connection, numbers: Sequence[int]) -> None:
        for number in numbers:
            ((body,),) = db.execute("SELECT body FROM events WHERE number = ?", (number,)).fetchall()
            text = json.dumps({**json.loads(body), "name": None}, ensure_ascii=False)
            db.execute("UPDATE events SET body = ? WHERE number = ?", (text, number))

    facts = {"names": sorted(gone)}
    paths = places_of(gallery, "events") if gone else []
    done = (_erase(path, change, erase, wait, facts, dry_run=False) for path in paths)
    return sum(done, ErasedFromWatch())


def _without_tracklets(keys: Set[str]) -> Change:
    def change(event: Event) -> Event | None:
        return {"id": event.get("id"), "forgotten": True} if keys & _tracklets(event) else None

    return change


def _without_names(names: Set[str]) -> Change:
    def change(event: Event) -> Event | None:
        return {**event, "name": None} if event.get("name") in names else None

    return change


def _erase(
    path: Path,
    change: Change,
    erase: Callable[[sqlite3.Connection, Sequence[int]], None],
    wait: float,
    facts: Mapping[str, Any],
    *,
    dry_run: bool,
) -> ErasedFromWatch:
    """`erase` does in the outbox what `change` does in files; `facts` are those of a file that cannot be."""
    with sqlite_errors(path), closing(connect(path, "ro" if dry_run else "rw", wait)) as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables >= _TABLES:
            return ErasedFromWatch()  # somebody else's file
        names = [name for (name,) in db.execute("SELECT name FROM receivers")]
        numbers = _numbers(db, change) if dry_run else _write(db, path, change, erase, wait)
    files = [Path(name.removeprefix(_FILE)) for name in names if name.startswith(_FILE)]
    done = (_erase_lines(file, change, facts, dry_run=dry_run) for file in files)
    return sum(done, ErasedFromWatch(len(numbers)))


def _erase_lines(file: Path, change: Change, facts: Mapping[str, Any], *, dry_run: bool) -> ErasedFromWatch:
    try:
        return ErasedFromWatch(lines=_rewrite_lines(file, change, dry_run=dry_run))
    except OSError as error:
        why = error.strerror or str(error)
        return ErasedFromWatch(unerased=(Unerased("events", file.absolute(), why, facts),))


def _numbers(db: sqlite3.Connection, change: Change) -> list[int]:
    return [
        number
        for number, body in db.execute("SELECT number, body FROM events")
        if (event := _parsed(body)) is not None and change(event) is not None
    ]


def _write(
    db: sqlite3.Connection,
    path: Path,
    change: Change,
    erase: Callable[[sqlite3.Connection, Sequence[int]], None],
    wait: float,
) -> list[int]:
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN IMMEDIATE")
    numbers = _numbers(db, change)
    erase(db, numbers)
    db.execute("COMMIT")
    try:
        clean(db, path, wait)
    except InUseError as error:
        raise GalleryError(
            "The file of events is in use, and cannot be cleaned of what is to be forgotten",
            expected="that nobody reads or writes it for a moment",
            where=path,
            hint="run `stca gallery forget GALLERY` without a key: it goes on",
        ) from error
    return numbers


def _tracklets(event: Event) -> set[object]:
    """What an event may name a tracklet in."""
    like = event.get("like")
    like = like.get("tracklet") if isinstance(like, dict) else like
    named = (event.get("tracklet"), event.get("into"), event.get("wanted"), like)
    return {each for each in named if isinstance(each, str)}


def _rewrite_lines(path: Path, change: Change, *, dry_run: bool) -> int:
    """Write what is left over the lines, filled up with spaces: others may append meanwhile."""
    if not path.is_file():
        return 0
    changed = 0
    with path.open("rb" if dry_run else "r+b") as file:
        while line := file.readline():
            event = _parsed(line) if line.endswith(b"\n") else None
            rest = None if event is None else change(event)
            if rest is None:
                continue
            changed += 1
            text = json.dumps(rest, ensure_ascii=False, separators=(",", ":")).encode()  # not longer
            if not dry_run:
                end = file.tell()
                file.seek(end - len(line))
                file.write(text.ljust(len(line) - 1))
                file.seek(end)
        if changed and not dry_run:
            file.flush()
            os.fsync(file.fileno())
    return changed


def _parsed(text: str | bytes) -> Event | None:
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
