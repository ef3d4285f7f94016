"""Who searched for whom, and who changed what: a log that only grows.

Waiting for the disk takes longer than everything else a search does, so lines that come meanwhile wait
together for the next time (group commit).

Only `stca gallery forget` changes lines: it takes out whom they are about.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from stca.gallery.store.sqlite import kind_of
from stca.tools.files import exclusively


class _Line:
    """One that is to be written.

    Attributes:
        data: of it.
        written: whether it is on the disk.
        error: why it is not, and will not be.

    """

    def __init__(self, data: bytes) -> None:
        self.data, self.written = data, False
        self.error: BaseException | None = None


class AuditLog:
    """JSON lines, each on disk before the answer goes out.

    Args:
        path: of the file; made when the first line comes.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[_Line] = []
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def write(self, who: str, role: str, action: str, **what: Any) -> None:
        """Append a line; entries that are None are left out.

        Raises:
            GalleryFileError: it cannot be written: what is not logged is not done.

        """
        entry = {"time": round(time.time(), 3), "who": who, "role": role, "action": action}
        entry |= {name: value for name, value in what.items() if value is not None}
        # A lone surrogate has no UTF-8; as an escape it is JSON like any other.
        text = json.dumps(entry, ensure_ascii=False, default=str)
        line = _Line(text.encode("utf-8", "backslashreplace") + b"\n")
        with self._lock:
            self._waiting.append(line)
        with self._turn:
            if not line.written and line.error is None:  # nobody wrote it while this waited
                self._write_waiting()
        if isinstance(line.error, OSError):
            raise kind_of(line.error)(
                "The audit log cannot be written",
                found=line.error.strerror,
                where=self._path,
                hint="make room, or check who may write there",
            ) from line.error
        if line.error is not None:
            raise line.error

    def _write_waiting(self) -> None:
        """All lines that wait; all are written, or none."""
        with self._lock:
            lines, self._waiting = self._waiting, []
        try:
            self._path.parent.mkdir(exist_ok=True)  # without parents: no gallery is made anew
            self._path.touch(mode=0o600)
            with exclusively(self._path, "a+b") as file:  # `stca gallery forget` may rewrite it
                _append(file, b"".join(line.data for line in lines))
        except BaseException as error:
            for line in lines:
                line.error = error
        else:
            for line in lines:
                line.written = True

    def entries(self) -> Iterator[dict[str, Any]]:
        """All lines in order; one that is no entry, such as one that a power failure cut off, is skipped."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                yield from filter(None, map(_entry, file))
        except FileNotFoundError:
            return


def _append(file: IO[bytes], lines: bytes) -> None:
    """Write whole lines to the end and wait for the disk; a failure leaves the file as it was."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":  # cut off by a power failure
            lines = b"\n" + lines
    try:
        left = memoryview(lines)
        while left:  # a disk that is nearly full takes a part
            left = left[file.write(left) :]
        os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            file.truncate(end)
        raise


def _entry(line: str) -> dict[str, Any] | None:
    """The entry in a line, as text that can be encoded; None where it is none."""
    try:
        found = json.loads(line)
        if "\\ud" in line.lower():  # perhaps a lone surrogate
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or type(found.get("time")) not in (int, float):
        return None
    return found if all(isinstance(found.get(name), str) for name in ("who", "role", "action")) else None
