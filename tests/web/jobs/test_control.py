"""What a worker reports, and what it is told."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stca.web.jobs.control import Control, Progress


class Line:
    """A control whose server is the test."""

    def __init__(self, reports: Path) -> None:
        reading, writing = os.pipe()
        self.server, self._told = os.fdopen(writing, "w"), os.fdopen(reading)
        self._reports = reports
        self.control = Control(self._told, reports.open("w"))

    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._reports.read_text().splitlines()]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Line]:
    """At its end the server goes away, which would end this process."""
    ended = threading.Event()
    monkeypatch.setattr("stca.web.jobs.control.end_group", ended.set)
    monkeypatch.setattr("stca.web.jobs.control._REPORT_EVERY", 0.0)
    made = Line(tmp_path / "reports")
    yield made
    made.server.close()
    assert ended.wait(60)


def test_progress_is_the_share_of_all_frames(line: Line) -> None:
    """Tracking nine tenths, embedding one; a video of unknown length weighs as the others do on average."""
    progress = Progress(line.control, [100, None, 300], done={0})
    weights = [100, 200, 300]
    progress.begin(1, "b")
    progress.tracked(50, None)
    progress.end()
    progress.begin(2, "c")
    progress.tracked(150, 300)
    progress.tracked(300, 300)
    progress.added(1, 4)
    progress.end()
    shares = [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0.45], [1, 1, 0.9], [1, 1, 0.925], [1, 1, 1]]
    expected = [sum(w * s for w, s in zip(weights, share, strict=True)) / 600 for share in shares]
    reports = line.reports()
    assert [report["progress"] for report in reports] == pytest.approx(expected)
    assert [report["frames"] for report in reports] == [100, 150, 150, 150, 300, 450, 450, 450]
    assert [report["stage"] for report in reports] == 3 * ["b"] + 5 * ["c"]
    assert reports[0]["seconds_left"] is None
    assert reports[-1]["seconds_left"] == 0


def test_a_pause_holds_the_work_and_does_not_count(line: Line) -> None:
    progress = Progress(line.control, [10], done=set())
    progress.begin(0, "a")
    progress.tracked(1, 10)
    line.server.write("pause\n")
    line.server.flush()
    wait_until(lambda: not line.control._goes_on.is_set())
    working = threading.Thread(target=progress.tracked, args=(2, 10))
    working.start()
    working.join(0.2)
    assert working.is_alive()
    line.server.write("resume\n")
    line.server.flush()
    working.join(30)
    assert not working.is_alive()
    assert line.reports()[-1]["frames"] == 2
    assert line.reports()[-1]["frames_per_second"] is None, "the speed is of the time after the pause"


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_when_the_server_ends_the_worker_and_what_it_started_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with suppress(BaseException):
            os.close(writing)
            os.setsid()
            signal.alarm(100)  # whatever happens, it does not stay
            if not (started := os.fork()):
                signal.alarm(100)
                signal.pause()
            (tmp_path / "started").write_text(str(started))
            (tmp_path / "ready").touch()
            Control(os.fdopen(reading), (tmp_path / "reports").open("w"))
            signal.pause()
        os._exit(1)
    wait_until((tmp_path / "ready").exists)
    os.close(reading)
    os.close(writing)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    started = int((tmp_path / "started").read_text())
    wait_until(lambda: not alive(started))


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    with suppress(OSError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not Path("/proc/self/stat").exists() or " Z " not in stat.read_text()
    return False
