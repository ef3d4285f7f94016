"""Events as JSON lines: on standard output, or at the end of a file."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from stca.errors import StcaError
from stca.watch.events.delivery import NotTakenError
from stca.watch.events.outbox import StoredEvent


class StandardOutput:
    """One line for each event. After a crash, the last line may come again, with the same id."""

    name = "standard output"

    def take(self, event: StoredEvent) -> None:
        """Print it; where nobody reads any longer, it is kept for the next time.

        Raises:
            NotTakenError: nobody reads.

        """
        try:
            print(event.text, flush=True)
        except (OSError, ValueError) as error:
            raise NotTakenError(str(error)) from error

    def close(self) -> None:
        """Standard output stays open."""
        sys.stdout.flush()


class EventFile:
    """A file that grows by one line for each event, each of them exactly once.

    Raises:
        StcaError: it cannot be written.

    """

    def __init__(self, path: Path) -> None:
        self.name, self._torn = f"file {path.absolute()}", False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+", buffering=0)  # what was not written is not left in a buffer
            self._last = self._mend()
        except OSError as error:
            raise StcaError("Cannot write events to a file", found=error.strerror, where=path) from error

    def take(self, event: StoredEvent) -> None:
        """Write it, and see that it is on disk.

        Raises:
            NotTakenError: a full disk.

        """
        place = None
        try:
            if self._torn:
                self._last, self._torn = self._mend(), False
            if event.body["id"] == self._last:
                return
            place = self._file.seek(0, os.SEEK_END)
            line = event.text.encode() + b"\n"
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            self._torn = True  # until the file has been read again, half of the line may be there
            if place is not None:
                with suppress(OSError):
                    self._file.truncate(place)
            raise NotTakenError(error.strerror or str(error)) from error
        self._last = event.body["id"]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _mend(self) -> str:
        """Cut off a last line that was only partly written; the id of the last whole one."""
        size = self._file.seek(0, os.SEEK_END)
        start = max(0, size - 100_000)
        self._file.seek(start)
        end = self._file.read()
        whole, newline, rest = end.rpartition(b"\n")
        if rest:
            self._file.truncate(size - len(rest))
        if not newline:
            return ""
        try:
            return str(json.loads(whole.rpartition(b"\n")[2])["id"])
        except (ValueError, KeyError, TypeError):
            return ""
