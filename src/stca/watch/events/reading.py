"""What is watched now, read from the outside: the cameras, who is in view, the latest events.

The file is only read; who writes it need not run.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from stca.errors import StcaError
from stca.watch.cameras.messages import State

STALE = 30.0
"""Seconds without a sign of life after which nobody watches any longer."""
_OF_ALL: dict[str, Any] = {"camera": str, "tracklet": str, "name": str | None, "person": int | None}
_FIELDS: dict[str, dict[str, Any]] = {
    "seen": {"new": bool, "person": int},
    "lost": {"person": int},
    "same_person_as": {"score": int | float, "person": int},
    "revised": {"before": int, "score": int | float | None},
    "alert": {"wanted": str, "score": int | float},
}
"""What a page shows of every event, and of each kind (docs/events.schema.json has it in full)."""
_TABLES = {"about", "events", "walking"}


@dataclass(frozen=True, slots=True)
class LivePerson:
    """Somebody in view.

    Args:
        person: the number that was last said.
        tracklet: the key.
        since: POSIX seconds.

    """

    person: int
    tracklet: str
    since: float


@dataclass(frozen=True, slots=True)
class LiveCamera:
    """A camera that is watched.

    Args:
        name: its name.
        state: see `stca.watch.cameras.messages.State`.
        why: more about lost and failed.
        dropped: frames that were left out because it was too much.
        people: in view, the latest first.

    """

    name: str
    state: str
    why: str
    dropped: int
    people: tuple[LivePerson, ...]


@dataclass(frozen=True, slots=True)
class Live:
    """What is watched.

    Args:
        watching: whether somebody watches now.
        seen: POSIX seconds of the last sign of life; None: never.
        cameras: by name; without people where nobody watches.
        events: bodies, the latest first.

    """

    watching: bool
    seen: float | None
    cameras: tuple[LiveCamera, ...]
    events: tuple[dict[str, Any], ...]


def read_live(path: Path, *, events: int = 50, now: float | None = None) -> Live | None:
    """Read the file of events; None where nothing was ever watched.

    Args:
        path: of the file.
        events: how many of the latest.
        now: POSIX seconds; None: the clock's.

    Raises:
        StcaError: it is damaged, or cannot be read.

    """
    if not path.is_file():
        return None
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10, isolation_level=None)) as db:
            db.execute("BEGIN")  # all of one moment
            return _read(db, events, time.time() if now is None else now)
    except (sqlite3.Error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StcaError("Cannot read what is watched", found=error, where=path) from error


def _read(db: sqlite3.Connection, count: int, now: float) -> Live | None:
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= _TABLES:
        return None  # somebody else's file
    bodies = db.execute("SELECT body FROM events ORDER BY number DESC LIMIT ?", (count,)).fetchall()
    rows = db.execute("SELECT name, state FROM cameras").fetchall() if "cameras" in tables else []
    alive = db.execute("SELECT value FROM about WHERE name = 'alive'").fetchone()
    seen = float(alive[0]) if alive else None
    watching = seen is not None and abs(now - seen) < STALE and any(json.loads(s)["state"] for _, s in rows)
    people: dict[str, list[LivePerson]] = {}
    walking = "SELECT camera, person, tracklet, first FROM walking WHERE NOT lost ORDER BY first DESC"
    for camera, person, tracklet, first in db.execute(walking) if watching else ():
        people.setdefault(camera, []).append(LivePerson(person, tracklet, first))
    cameras = []
    for name, text in sorted(rows):
        state = json.loads(text)
        if state["state"] not in get_args(State):
            raise ValueError(f"state {state['state']!r} of camera {name!r}")
        shown = str(state["state"]) if watching else "ended"
        found = tuple(people.get(name, ()))
        cameras.append(LiveCamera(name, shown, str(state["why"]), int(state["dropped"]), found))
    readable = (_event(body) for (body,) in bodies)
    return Live(watching, seen, tuple(cameras), tuple(each for each in readable if each is not None))


def _event(text: str) -> dict[str, Any] | None:
    """An event that a page can show; None: it is damaged, or of another version."""
    try:
        body = json.loads(text)
        datetime.fromisoformat(body["time"])
        fields = _OF_ALL | _FIELDS[body["kind"]]
        like = body["like"]["camera"] if body["kind"] == "same_person_as" else ""
        fits = isinstance(like, str) and all(isinstance(body[name], kind) for name, kind in fields.items())
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return body if fits else None
