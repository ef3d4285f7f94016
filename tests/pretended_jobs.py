"""Jobs whose worker only pretends (`fake_worker.py`), and waiting for them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from stca.web.jobs import Job, JobOptions, Jobs, NewVideo

TESTS = Path(__file__).parent
COMMAND = (sys.executable, "-S", str(TESTS / "fake_worker.py"))
OPTIONS = JobOptions(detector="motion")


def video(folder: Path, name: str, camera: str | None = None) -> NewVideo:
    (folder / f"{name}.avi").touch()
    return NewVideo(folder / f"{name}.avi", camera)


def until(jobs: Jobs, number: int, true: Callable[[Job], bool], seconds: float = 60.0) -> Job:
    """Wait for changes, as the page does, until it holds for the job."""
    end, version = time.monotonic() + seconds, 0
    while not true(job := jobs.get(number)):
        version, _ = jobs.wait_change(version, 1.0)
        assert time.monotonic() < end, job
    return job


def ended(job: Job) -> bool:
    return job.finished is not None


def at_frame_10(job: Job) -> bool:
    return job.frames == 9
