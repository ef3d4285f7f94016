"""Run one job in a process of its own, and write down what it reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stca.web.jobs.job import Job
from stca.web.jobs.store import JobStore

COMMAND = (sys.executable, "-m", "stca.web.jobs.worker")
LOG = "job.log"
_VALUES = {
    "stage": str,
    "progress": float,
    "frames": int,
    "frames_per_second": (float, type(None)),
    "seconds_left": (float, type(None)),
}
_OF_A_VIDEO = {
    "state": str,
    "folder": str,
    "fresh": bool,
    "tracklets": int,
    "error": (str, type(None)),
}


class Runner:
    """The process of a job.

    Args:
        job: to be done.
        store: where its reports are written.
        task: further entries of the worker's task.
        folder: of the server, for the log of the process.
        command: that starts the worker.

    """

    def __init__(
        self, job: Job, store: JobStore, task: dict[str, Any], *, folder: Path, command: Sequence[str]
    ) -> None:
        self._job, self._store = job, store
        self._log = folder / LOG
        self._end: dict[str, Any] | None = None
        self._writing = threading.Lock()
        self._reaped = False
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        videos = [{**asdict(video), "path": str(video.path)} for video in job.videos]
        self.tell(json.dumps({**task, "videos": videos, "link": job.link, "parent": os.getpid()}))

    def tell(self, line: str) -> None:
        """Send the worker a line: `pause`, `resume`."""
        assert self._process.stdin is not None
        with self._writing, suppress(OSError, ValueError):  # it has ended
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """End the process, and all that it started, at once."""
        with self._writing, suppress(ProcessLookupError, PermissionError):
            if not self._reaped:  # else another process may have the number
                os.killpg(self._process.pid, signal.SIGKILL)

    def follow(self) -> dict[str, Any] | None:
        """Write down reports until the process ends; returns the last one, None if it did not come to it."""
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                with suppress(ValueError):
                    self._take(json.loads(line))
        finally:
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self.kill()  # what it started
            with self._writing, suppress(OSError):
                self._reaped = True
                self._process.wait()
                self._process.stdout.close()
                assert self._process.stdin is not None
                self._process.stdin.close()
        return self._end

    def last_words(self) -> str:
        """The end of what the process printed on stderr, for an error."""
        status = self._process.returncode
        ended = f"by signal {-status}" if status and status < 0 else f"with status {status}"
        with suppress(OSError):
            lines = self._log.read_bytes()[-4000:].decode(errors="replace").strip().splitlines()
            if lines and status and status > 0:
                return f"its process ended {ended}: {lines[-1][:300]}"
        return f"its process ended {ended}"

    def _take(self, report: dict[str, Any]) -> None:
        event = report.pop("event", None)
        if event == "progress":
            self._store.change(self._job.id, **_typed(report, _VALUES))
        elif event == "video":
            number = report.pop("number")
            self._store.change_video(self._job.id, number, **_typed(report, _OF_A_VIDEO))
            if report.get("state") == "done":
                self._store.change(self._job.id, tries=1)  # the first at the next video
        elif event == "end":
            self._end = report


def _typed(report: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    """The entries that are known, and of the right type."""
    return {name: report[name] for name in kinds if name in report and isinstance(report[name], kinds[name])}
