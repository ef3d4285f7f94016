"""The processes of all cameras, seen from the watching one: started, listened to, started again, stopped."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from stca.watch.cameras.following import follow_camera
from stca.watch.cameras.messages import CameraState, Message, StillThere
from stca.watch.settings import CameraSettings

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before a process that ended by itself is started again: doubled each time, up to the second."""
_HEALTHY = 60.0  # seconds after which the waiting begins at the first again

Heard = tuple[str, Message]
"""A camera's name, and what its process told."""


def _context() -> Any:
    """Where it exists, a server that has everything imported once and has no threads makes the processes."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stca.watch.cameras.following"])
    return context


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Processes that are started meanwhile get no SIGINT and SIGTERM; here they come afterwards.

    Terminals and service managers send them to all processes at once; who watches decides when others end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # whose start lets both signals through again (Python 3.11)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class CameraProcess:
    """One camera's process; after `start`, what it tells comes into the queue.

    Args:
        camera: which.
        place: its folder.
        heard: receives what it tells.
        first: its least track number.

    Attributes:
        state: the last one told.
        counts: the last counts told.
        restarts: how often the process was started again.

    """

    def __init__(
        self, camera: CameraSettings, place: Path, heard: queue.Queue[Heard], first: int = 0
    ) -> None:
        self.camera, self.place, self._first = camera, place, first
        self.state = CameraState("starting")
        self.counts = StillThere({}, 0, 0, 0)
        self.restarts = 0
        self._heard, self._stopping = heard, False
        self._wait, self._started, self._again_at = FIRST_WAIT, 0.0, float("inf")
        self._process: Any = None
        self._connection: Connection | None = None

    @property
    def over(self) -> bool:
        """Whether it is not started again."""
        return self.state.state == "ended"

    def start(self) -> None:
        """Start the process."""
        context = _context()
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=follow_camera,
            args=(self.camera, self.place, theirs, self._first),
            name=self.camera.name,
            daemon=True,
        )
        with _signals_held():
            self._process.start()
        theirs.close()
        self.state = CameraState("starting")
        self._connection, self._started, self._again_at = ours, time.monotonic(), float("inf")
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()

    def ended(self) -> None:
        """Its connection has closed: it ended, or died. It is started again later, if it should not have."""
        if self._process is not None:
            self._process.join(10)
        if self._stopping or self.state.state == "ended":
            self.state = CameraState("ended")
            return
        if time.monotonic() - self._started > _HEALTHY:
            self._wait = FIRST_WAIT
        why = self.state.why if self.state.state == "failed" else "its process ended"
        self.state = CameraState("failed", why, self._wait)
        self._again_at = time.monotonic() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def start_again_if_due(self) -> bool:
        """Start it again if it is time."""
        if self._stopping or time.monotonic() < self._again_at:
            return False
        self.restarts += 1
        self.start()
        return True

    def stop(self) -> None:
        """Ask it to finish what it has and end."""
        self._stopping = True
        if self._connection is None or self._again_at < float("inf"):
            self.state = CameraState("ended")
        else:
            with contextlib.suppress(OSError):
                self._connection.send("stop")

    def kill(self) -> None:
        """End it without waiting."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return None if self._process is None else self._process.pid

    def _listen(self, connection: Connection) -> None:
        name = self.camera.name
        try:
            while True:
                self._heard.put((name, connection.recv()))
        except (EOFError, OSError):
            self._heard.put((name, CameraState("failed", "closed")))
        finally:
            connection.close()


def is_closed(message: Message) -> bool:
    """Whether a message says that a camera's process has gone."""
    return message == CameraState("failed", "closed")


def start_all(
    cameras: Sequence[CameraSettings],
    tracks: Path,
    heard: queue.Queue[Heard],
    first: Callable[[str], int] = lambda camera: 0,
) -> dict[str, CameraProcess]:
    """Start a process for each camera; none is left where one cannot be started.

    Args:
        cameras: all.
        tracks: the folder of their folders.
        heard: receives what they tell.
        first: the least track number of a camera.

    """
    started = {}
    try:
        for camera in cameras:
            started[camera.name] = CameraProcess(camera, tracks / camera.name, heard, first(camera.name))
            started[camera.name].start()
    except BaseException:  # two interruptions, too
        for each in started.values():
            each.kill()  # they get no SIGTERM, with which Python ends them, and waits
        raise
    return started
