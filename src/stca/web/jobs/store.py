"""Jobs on disk: two tables in the server's SQLite file. Every change is durable when it returns."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from stca.gallery.store.sqlite import connect, enable_wal
from stca.web.jobs.errors import JobError
from stca.web.jobs.job import ADD_VIDEOS, UNFINISHED, Job, JobOptions, JobVideo, NewVideo
from stca.web.jobs.own_file import FILE, own_file_errors

KEPT = 1000
"""Jobs that are kept after their end."""
_WAIT = 30.0

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, options TEXT NOT NULL,
        link INTEGER NOT NULL, created REAL NOT NULL, finished REAL, state TEXT NOT NULL,
        wanted TEXT NOT NULL DEFAULT '', stage TEXT NOT NULL DEFAULT '',
        progress REAL NOT NULL DEFAULT 0, frames INTEGER NOT NULL DEFAULT 0,
        frames_per_second REAL, seconds_left REAL, message TEXT NOT NULL DEFAULT '', error TEXT,
        tries INTEGER NOT NULL DEFAULT 0, version INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS job_videos (
        job INTEGER NOT NULL, number INTEGER NOT NULL, path TEXT NOT NULL, camera TEXT, start REAL,
        state TEXT NOT NULL DEFAULT 'queued', folder TEXT, fresh INTEGER NOT NULL DEFAULT 0,
        tracklets INTEGER NOT NULL DEFAULT 0, error TEXT, PRIMARY KEY (job, number)) WITHOUT ROWID""",
)
_SHOWN = (
    *("id", "kind", "created", "finished", "state", "stage", "progress", "frames", "frames_per_second"),
    *("seconds_left", "message", "error", "link", "version"),
)
_VIDEO = ("path", "camera", "start", "state", "folder", "fresh", "tracklets", "error")
_SHOWN_OF_J = ", ".join(f"j.{name}" for name in _SHOWN)
_VIDEO_OF_V = ", ".join(f"v.{name}" for name in _VIDEO)
_CHANGEABLE = frozenset(
    [
        *("state", "wanted", "stage", "progress", "frames", "frames_per_second", "seconds_left", "message"),
        *("error", "tries", "finished"),
    ]
)
_CHANGEABLE_OF_A_VIDEO = frozenset(["state", "folder", "fresh", "tracklets", "error"])


class JobStore:
    """The tables; every method may be called from any thread.

    Args:
        folder: of the server.

    Raises:
        GalleryError: the file cannot be used, here and by every method.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.changed = threading.Condition(threading.RLock())
        with own_file_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._db = connect(folder / FILE, "rwc", _WAIT)
            enable_wal(self._db, _WAIT)
            for statement in _SCHEMA:
                self._db.execute(statement)
            (last,) = self._db.execute("SELECT coalesce(max(version), 0) FROM jobs").fetchone()
        self.version: int = last

    def close(self) -> None:
        """Close the file."""
        with self.changed, own_file_errors(self._folder):
            self._db.close()

    def add(self, videos: Sequence[NewVideo], options: JobOptions, *, link: bool, most: int) -> Job:
        """Queue a job.

        Raises:
            JobError: `most` jobs wait already (503).

        """
        with self.changed:
            with own_file_errors(self._folder), _transaction(self._db):
                waiting = self._count("queued")
                if waiting >= most:
                    raise JobError(
                        "Too many jobs wait already",
                        status=503,
                        retry_after=60,
                        expected=f"at most {most}",
                        hint="wait until one is done, or cancel one",
                    )
                self.version += 1
                cursor = self._db.execute(
                    "INSERT INTO jobs (kind, options, link, created, state, version) "
                    "VALUES (?, ?, ?, ?, 'queued', ?)",
                    (ADD_VIDEOS, json.dumps(asdict(options)), link, time.time(), self.version),
                )
                number = cursor.lastrowid
                assert number is not None
                self._db.executemany(
                    "INSERT INTO job_videos (job, number, path, camera, start) VALUES (?, ?, ?, ?, ?)",
                    [(number, i, str(v.path), v.camera, v.start) for i, v in enumerate(videos)],
                )
                self._forget_old()
                self.changed.notify_all()
            return self.get(number)

    def get(self, number: int) -> Job:
        """The job of an id.

        Raises:
            JobError: there is none (404).

        """
        found = self._jobs("id = ?", "id", number) if abs(number) < 2**63 else []
        if not found:
            raise JobError("There is no such job", status=404, found=number)
        return found[0]

    def list(self, *, most: int = KEPT) -> Sequence[Job]:
        """Jobs, newest first."""
        return self._jobs("true", "id DESC", most=most)

    def since(self, version: int) -> Sequence[Job]:
        """Jobs that changed after this version, in the order of their changes."""
        return self._jobs("version > ?", "version", version)

    def next(self) -> Job | None:
        """The job to be worked on: one that somebody cancelled, else the oldest unless it is paused."""
        marks = ", ".join("?" * len(UNFINISHED))
        found = self._jobs(f"state IN ({marks})", "wanted DESC, id", *UNFINISHED, most=1)
        if not found or (found[0].state == "paused" and self.wanted(found[0].id) != "cancel"):
            return None
        return found[0]

    def begin_anew(self) -> None:
        """Processes that an earlier server ended are no sign of trouble."""
        with self.changed, own_file_errors(self._folder):
            self._db.execute("UPDATE jobs SET tries = 0")

    def options(self, number: int) -> JobOptions:
        """Of a job."""
        return JobOptions(**json.loads(self._value(number, "options")))

    def wanted(self, number: int) -> str:
        """What somebody wants of a job: `cancel`, or nothing."""
        return str(self._value(number, "wanted"))

    def tries(self, number: int) -> int:
        """How often its process ended before its time since it last came forward."""
        return int(self._value(number, "tries"))

    def change(self, number: int, **values: Any) -> None:
        """Set columns of a job."""
        assert values.keys() <= _CHANGEABLE
        with self.changed, own_file_errors(self._folder), _transaction(self._db):
            self._touch(number, values)

    def change_video(self, number: int, video: int, **values: Any) -> None:
        """Set columns of a video of a job."""
        assert values.keys() <= _CHANGEABLE_OF_A_VIDEO
        with self.changed, own_file_errors(self._folder), _transaction(self._db):
            names = ", ".join(f"{name} = ?" for name in values)
            self._db.execute(
                f"UPDATE job_videos SET {names} WHERE job = ? AND number = ?",
                (*values.values(), number, video),
            )
            self._touch(number, {})

    def folders(self) -> dict[str, Path]:
        """Path of the video by the folder of its tracks, of all jobs that are kept."""
        with self.changed, own_file_errors(self._folder):
            rows = self._db.execute(
                "SELECT folder, path FROM job_videos WHERE folder IS NOT NULL ORDER BY job, number"
            ).fetchall()
        return {folder: Path(path) for folder, path in rows}

    def _touch(self, number: int, values: dict[str, Any]) -> None:
        self.version += 1
        names = ", ".join(f"{name} = ?" for name in (*values, "version"))
        self._db.execute(f"UPDATE jobs SET {names} WHERE id = ?", (*values.values(), self.version, number))
        self.changed.notify_all()

    def _value(self, number: int, column: str) -> Any:
        with self.changed, own_file_errors(self._folder):
            row = self._db.execute(f"SELECT {column} FROM jobs WHERE id = ?", (number,)).fetchone()
        return row[0]

    def _count(self, state: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM jobs WHERE state = ?", (state,)).fetchone()[0])

    def _jobs(self, condition: str, order: str, *values: object, most: int = -1) -> Sequence[Job]:
        """Jobs and their videos in one statement, so that they fit each other."""
        chosen = f"SELECT *, row_number() OVER (ORDER BY {order}) AS place FROM jobs WHERE {condition}"
        statement = (
            f"SELECT {_SHOWN_OF_J}, {_VIDEO_OF_V} FROM ({chosen} ORDER BY {order} LIMIT ?) AS j "
            "LEFT JOIN job_videos AS v ON v.job = j.id ORDER BY j.place, v.number"
        )
        with self.changed, own_file_errors(self._folder):
            rows = self._db.execute(statement, (*values, most)).fetchall()
        width = len(_SHOWN)
        return [
            _job(job, [row[width:] for row in group]) for job, group in groupby(rows, lambda row: row[:width])
        ]

    def _forget_old(self) -> None:
        """Drop the oldest finished jobs; videos of which tracks were made stay, so that they can be found."""
        marks = ", ".join("?" * len(UNFINISHED))
        old = f"SELECT id FROM jobs WHERE state NOT IN ({marks}) ORDER BY id DESC LIMIT -1 OFFSET {KEPT}"
        self._db.execute(f"DELETE FROM job_videos WHERE folder IS NULL AND job IN ({old})", UNFINISHED)
        self._db.execute(f"DELETE FROM jobs WHERE id IN ({old})", UNFINISHED)


class _transaction:  # noqa: N801 (used as a function)
    """All or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _job(row: tuple[Any, ...], videos: Sequence[tuple[Any, ...]]) -> Job:
    values = dict(zip(_SHOWN, row, strict=True))
    made = tuple(_video(dict(zip(_VIDEO, each, strict=True))) for each in videos if each[0] is not None)
    return Job(**{**values, "link": bool(values["link"])}, videos=made)


def _video(values: dict[str, Any]) -> JobVideo:
    return JobVideo(**{**values, "path": Path(values["path"]), "fresh": bool(values["fresh"])})
