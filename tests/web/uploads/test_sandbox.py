"""What a process can no longer do; each in a fork."""

import dataclasses
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import made_uploads as made
from stca.web.uploads import QUERY
from stca.web.uploads.running import _PACKAGE, _PROGRAM, run_child
from stca.web.uploads.sandbox import NAMESPACE, isolate_network, limit_resources

MIB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's")


def in_a_fork(work: Callable[[], bool]) -> bool:
    """Whether it returned True there."""
    pid = os.fork()
    if not pid:
        status = 2
        with suppress(BaseException):
            status = 0 if work() else 1
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address, timeout=5):
            pass

        if not in_a_fork(lambda: isolate_network() == NAMESPACE):
            pytest.skip("this system allows no network namespaces; the server says so")

        def unreachable() -> bool:
            isolate_network()
            try:
                socket.create_connection(address, timeout=5).close()
            except OSError:
                return True
            return False

        assert in_a_fork(unreachable)


def refuses(action: Callable[[], object], error: type[BaseException]) -> Callable[[], bool]:
    def work() -> bool:
        limits = dataclasses.replace(QUERY, memory=64 * MIB, open_files=40, written_bytes=MIB)
        limit_resources(limits)
        try:
            action()
        except error:
            return True
        return False

    return work


def write(path: Path) -> None:
    with path.open("wb") as file:
        file.write(bytes(2 * MIB))


def test_memory_files_and_written_bytes_are_bounded(tmp_path: Path) -> None:
    # Mappings, since memory that the process once had and freed may be taken again.
    assert in_a_fork(refuses(lambda: mmap.mmap(-1, 32 * MIB), OSError)) is False
    assert in_a_fork(refuses(lambda: mmap.mmap(-1, 256 * MIB), OSError))
    assert in_a_fork(refuses(lambda: [os.open("/", os.O_RDONLY) for _ in range(50)], OSError))
    assert in_a_fork(refuses(lambda: write(tmp_path / "file"), OSError))
    assert (tmp_path / "file").stat().st_size <= MIB


def test_it_ends_with_the_server(tmp_path: Path) -> None:
    """Also where that was killed, so that nobody is left to end it."""
    (tmp_path / "slow").write_bytes(made.endless_jpeg())
    program = _PROGRAM.partition("from stca.web")[0] + (
        "from pathlib import Path; from stca.web.uploads.running import run_child\n"
        "from stca.web.uploads.limits import QUERY\n"
        f"run_child(Path({str(tmp_path)!r}), {{'check': False, 'files': ['slow']}}, QUERY)"
    )
    server = subprocess.Popen([sys.executable, "-c", program, json.dumps([str(_PACKAGE), sys.path])])
    try:
        child = wait_for(lambda: next(iter(children(server.pid)), None))
        wait_for(lambda: (tmp_path / "frames").is_dir())
    finally:
        server.kill()
        server.wait()
    wait_for(lambda: not alive(child))


def test_a_child_that_says_too_much_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program, ended, status in [
        ("print('x' * 3_000_000)", "answer", -signal.SIGKILL),
        ("import sys; sys.stdin.read(); sys.exit(3)", "itself", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "itself", -signal.SIGSEGV),
        ("print('no JSON')", "itself", 0),
        ("print('[]')", "itself", 0),
    ]:
        monkeypatch.setattr("stca.web.uploads.running._PROGRAM", program)
        outcome = run_child(tmp_path, {"check": False, "files": []}, QUERY)
        assert (outcome.answer, outcome.ended, outcome.status) == (None, ended, status)


def test_a_child_that_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os\nos.mkdir('frames')\nfor k in range(100_000):\n  open(f'frames/{k}', 'wb').write(bytes(100_000))"
    monkeypatch.setattr("stca.web.uploads.running._PROGRAM", program)
    limits = dataclasses.replace(QUERY, written_bytes=MIB)
    outcome = run_child(tmp_path, {"check": False, "files": []}, limits)
    assert outcome.ended == "disk"


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(path.parent.name))
    return found


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_for(found: Callable[[], object], seconds: float = 60.0) -> object:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return value
