"""Who searched for whom, and who changed what: a log that only grows.

Only `stca gallery forget` changes lines: it takes out whom they are about.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stca.gallery.store.sqlite import kind_of
from stca.tools.files import exclusively


class AuditLog:
    """JSON lines, each on disk before the answer goes out.

    Args:
        path: of the file; made when the first line comes.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, who: str, role: str, action: str, **what: Any) -> None:
        """Append a line; entries that are None are left out.

        Raises:
            GalleryFileError: it cannot be written: what is not logged is not done.

        """
        entry = {"time": round(time.time(), 3), "who": who, "role": role, "action": action}
        entry |= {name: value for name, value in what.items() if value is not None}
        line = json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"
        try:
            with self._lock:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch(mode=0o600)
                with exclusively(self._path, "ab") as file:  # `stca gallery forget` may rewrite it
                    file.write(line)
                    os.fsync(file.fileno())
        except OSError as error:
            raise kind_of(error)(
                "The audit log cannot be written",
                found=error.strerror,
                where=self._path,
                hint="make room, or check who may write there",
            ) from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """All lines in order; one that was cut off by a power failure is skipped."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    try:
                        yield json.loads(line)
                    except ValueError:
                        continue
        except FileNotFoundError:
            return
