"""Writers of a gallery on Milvus take turns, by entries of its log.

Who wants to write writes a claim, then reads all claims with strong consistency. If there is another one, it
takes its own back and tries again after a random moment; so of two that claim at once at least one sees the
other, and never both write. The claim of a writer that died is removed by the next one: at once if it was a
process of the same machine, else after it has not changed for `LEASE` seconds by the clock of who waits. A
thread of the writer gives signs of life, however long its other requests take.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stca.errors import GalleryBusyError, GalleryError
from stca.gallery.milvus.connection import Connection
from stca.gallery.milvus.log import Log

LEASE = 40.0
"""Seconds without a sign of life after which a writer on another machine is taken for dead."""
_CLAIM, PENDING = "lock:", "pending:"
"""Beginnings of names: claims, and changes that are written down and not made."""

_held: set[str] = set()
"""Claims of this process. One that could not be taken back, as the server was gone, is not among them."""


class WriterLock:
    """The right to write to one gallery; threads of this process take turns as well.

    Args:
        log: of the gallery.
        connection: of the log.
        wait: seconds to wait for another writer.

    """

    def __init__(self, log: Log, connection: Connection, *, wait: float) -> None:
        self._log, self._connection, self._wait = log, connection, wait
        self._thread, self._beating = threading.RLock(), threading.Lock()
        self._name, self._beats, self._last, self._depth = "", 0, 0.0, 0

    @contextmanager
    def held(self) -> Iterator[dict[str, str] | None]:
        """Hold it; reads within are strong.

        Yields:
            what an earlier writer has left to be finished, by name; None if this thread holds it already.

        Raises:
            GalleryBusyError: another process writes for longer than `wait` seconds.

        """
        with self._thread, self._connection.strongly():
            if self._depth:
                self.keep()
                yield None
                return
            left = self._acquire()
            self._depth = 1
            done = threading.Event()
            beat = threading.Thread(target=self._beat, args=(done,), daemon=True)
            try:
                beat.start()
                yield left
            finally:
                self._depth = 0
                done.set()
                beat.join()  # else it could write the claim again after it was taken back
                self._take_back()

    def keep(self) -> None:
        """Make sure that it is still held, before each of several requests, and give a sign of life.

        Raises:
            GalleryBusyError: another process took this one for dead, or the server does not answer.

        """
        with self._beating:
            if time.monotonic() - self._last < LEASE / 4:
                return
            # Whatever a request may take: a sign of life that comes too late is none.
            with self._connection.strongly(), self._connection.within(LEASE / 4):
                if self._name not in self._log.read(names=[self._name]):
                    raise GalleryBusyError(
                        "Another process took this writer for dead",
                        where=self._connection.address,
                        hint="repeat the call",
                    )
                self._claim()

    def _beat(self, done: threading.Event) -> None:
        while not done.wait(LEASE / 8):
            with suppress(GalleryError):  # which the writer meets itself, by `keep`
                self.keep()

    def _take_back(self) -> None:
        _held.discard(self._name)
        with suppress(GalleryError):  # the server is gone; who comes next removes the claim
            self._log.delete([self._name])

    def _claim(self) -> None:
        _held.add(self._name)
        self._beats += 1
        me = {"machine": _machine(), "process": os.getpid(), "beats": self._beats}
        self._log.write({self._name: json.dumps(me)})
        self._last = time.monotonic()

    def _acquire(self) -> dict[str, str]:
        until = time.monotonic() + self._wait
        seen: dict[str, tuple[str, float]] = {}
        while True:
            self._name = f"{_CLAIM}{secrets.token_hex(8)}"
            try:
                self._claim()
                found = self._log.read(prefixes=[_CLAIM, PENDING])
                left = {name: body for name, body in found.items() if name.startswith(PENDING)}
                others = {name: body for name, body in found.items() if name not in (self._name, *left)}
                gone = [name for name, body in others.items() if self._is_dead(name, body, seen)]
                if gone:
                    self._log.delete(gone)
                if len(gone) == len(others):
                    return left
            except BaseException:
                self._take_back()
                raise
            self._take_back()
            if time.monotonic() > until:
                raise GalleryBusyError(
                    "Another process is writing to this gallery",
                    found="; ".join(others.values()),
                    where=self._connection.address,
                    hint="wait until it is done",
                )
            time.sleep(random.uniform(0.05, 0.4))

    def _is_dead(self, name: str, body: str, seen: dict[str, tuple[str, float]]) -> bool:
        now = time.monotonic()
        if seen.get(name, ("", 0.0))[0] != body:
            seen[name] = body, now
        try:
            claim = json.loads(body)
            if claim["machine"] == _machine():
                own = claim["process"] == os.getpid()
                if not _is_alive(claim["process"]) or (own and name not in _held):
                    return True
        except (ValueError, KeyError, TypeError):
            return True
        return now - seen[name][1] > LEASE


def _machine() -> str:
    """Tells apart machines and containers, whose numbers of processes mean nothing to each other."""
    try:
        space = Path("/proc/self/ns/pid").readlink()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot} {space}"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
