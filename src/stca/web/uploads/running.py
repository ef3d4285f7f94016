"""Start the process that decodes a stranger's files, and end it when it takes too much."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from stca.web.uploads.limits import UploadLimits

MOST_ANSWER = 1 << 20
"""Bytes of a manifest."""

_PACKAGE = Path(__file__).parents[2]
_LOOK_EVERY = 0.2  # seconds between two looks at what it wrote

_PROGRAM = """
import json, sys, types
package, sys.path[:] = json.loads(sys.argv[1])
for name in ("", ".web", ".web.uploads"):
    module = types.ModuleType("stca" + name)
    module.__path__ = [package + name.replace(".", "/")]
    sys.modules["stca" + name] = module
from stca.web.uploads.child import main
main()
"""
"""Imports the child without what `stca/__init__` imports: PyTorch alone takes seconds and 300 MB."""

_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}

Ended = Literal["itself", "time", "answer", "disk"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child process ended.

    Args:
        answer: what it said; None where that is no JSON object.
        ended: by itself, or killed because of the time, the length of its answer, or what it wrote.
        status: exit status; negative: the signal that ended it.
        seconds: it took.
        processor_seconds: it computed.
        peak_bytes: of memory it had.

    """

    answer: dict[str, Any] | None
    ended: Ended
    status: int
    seconds: float
    processor_seconds: float
    peak_bytes: int


def run_child(folder: Path, task: Mapping[str, Any], limits: UploadLimits) -> Outcome:
    """Run `stca.web.uploads.child` in a folder, in a session of its own; nothing of it is left afterwards.

    Args:
        folder: its working folder, and the only one that it writes to.
        task: what it is to do.
        limits: that it keeps to; time and written bytes are watched from here too.

    """
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _PROGRAM, json.dumps([str(_PACKAGE), sys.path])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    watch = _Watch(process.pid, folder, limits, until=began + limits.seconds_to_decode)
    answer: dict[str, Any] | None = None
    try:
        whole = {**task, "limits": asdict(limits), "parent": os.getpid()}
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(json.dumps(whole).encode())
        data, ended = watch.listen(process.stdout.fileno())
        answer = _parsed(data) if ended == "itself" else None
        if ended == "itself" and answer is None:
            _wait_a_moment(process.pid)  # it is dying: let its own signal be its status
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
    return Outcome(
        answer=answer,
        ended=ended,
        status=process.returncode,
        seconds=time.monotonic() - began,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=watch.peak_bytes,
    )


class _Watch:
    """Listens to a process, and sees to its time and its disk meanwhile.

    Attributes:
        peak_bytes: the most memory that it was seen to have.

    """

    def __init__(self, pid: int, folder: Path, limits: UploadLimits, *, until: float) -> None:
        self.peak_bytes = 0
        self._pid, self._folder, self._limits, self._until = pid, folder, limits, until

    def listen(self, pipe: int) -> tuple[bytes, Ended]:
        """Read to the end of the pipe; how it came to its end."""
        data = bytearray()
        while (left := self._until - time.monotonic()) > 0:
            ready, _, _ = select.select([pipe], [], [], min(left, _LOOK_EVERY))
            self._look_at_memory()
            if ready:
                part = os.read(pipe, 1 << 16)
                if not part:
                    return bytes(data), "itself"
                data += part
                if len(data) > MOST_ANSWER:
                    return b"", "answer"
            elif self._written() > self._limits.written_bytes + (1 << 20):
                return b"", "disk"
        return b"", "time"

    def _written(self) -> int:
        total = 0
        with suppress(OSError), os.scandir(self._folder / "frames") as entries:
            for entry in entries:
                with suppress(OSError):
                    total += max(1024, entry.stat(follow_symlinks=False).st_size)
        return total

    def _look_at_memory(self) -> None:
        with suppress(OSError):  # not Linux, or it has ended
            status = Path(f"/proc/{self._pid}/status").read_text()
            if match := re.search(r"VmHWM:\s*(\d+) kB", status):
                self.peak_bytes = max(self.peak_bytes, int(match[1]) * 1024)


def _wait_a_moment(pid: int) -> None:
    for _ in range(50):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.01)


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
