"""The queue of jobs, with workers that only pretend."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pretended_jobs import COMMAND, OPTIONS, TESTS, at_frame_10, ended, until, video
from stca.errors import ConfigError
from stca.web.jobs import Job, JobError, Jobs


@pytest.fixture
def open_jobs(tmp_path: Path) -> Iterator[Callable[..., Jobs]]:
    opened: list[Jobs] = []

    def open_one(**options: object) -> Jobs:
        opened.append(
            Jobs(tmp_path / "serve", tmp_path / "gallery", options=OPTIONS, command=COMMAND, **options)  # type: ignore[arg-type]
        )
        return opened[-1]

    yield open_one
    for jobs in opened:
        if not jobs._working.closing:
            jobs.close()


def log(folder: Path) -> list[str]:
    return (folder / "serve" / "fake.log").read_text().splitlines()


def test_jobs_are_done_in_their_order_and_say_how_far_they_are(
    open_jobs: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = open_jobs()
    first = jobs.start([video(tmp_path, "a", "slow"), video(tmp_path, "b")])
    second = jobs.start([video(tmp_path, "c")], link=True)
    assert (first.state, first.id < second.id, second.link) == ("queued", True, True)
    running = until(jobs, first.id, at_frame_10)
    assert (running.state, running.stage, running.progress) == ("running", "frame 9", 9 / 40)
    assert [v.state for v in running.videos] == ["tracking", "queued"]
    assert jobs.get(second.id).state == "queued"
    (tmp_path / "a.go").touch()
    done = until(jobs, second.id, ended)
    assert (done.state, done.progress, done.frames_per_second) == ("done", 1.0, None)
    assert log(tmp_path) == [f"{name}.avi {what}" for name in "abc" for what in ("begun", "done")]
    first = jobs.get(first.id)
    assert first.message == "6 tracklets of 2 of 2 videos were added\na note"
    assert [v.folder for v in first.videos] == ["video a", "video b"]
    assert [job.id for job in jobs.list()] == [second.id, first.id]
    assert jobs.video_of(tmp_path / "serve" / "tracks" / "video b") == tmp_path / "b.avi"
    assert jobs.video_of(tmp_path / "video b") is None


def test_changes_are_told_once(open_jobs: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = open_jobs()
    job = jobs.start([video(tmp_path, "a")])
    until(jobs, job.id, ended)
    version, changed = jobs.wait_change(0, 10)
    assert [each.id for each in changed] == [job.id]
    assert jobs.wait_change(version, 0.01) == (version, [])
    found: list[tuple[int, list[Job]]] = []
    waiting = threading.Thread(target=lambda: found.append(jobs.wait_change(version, 60)))  # type: ignore[arg-type]
    waiting.start()
    other = jobs.start([video(tmp_path, "b")])
    waiting.join(60)
    assert [each.id for each in found[0][1]] == [other.id]
    until(jobs, other.id, ended)


def test_a_paused_job_rests_and_those_behind_it_wait(open_jobs: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = open_jobs()
    job = jobs.start([video(tmp_path, "a", "slow")])
    behind = jobs.start([video(tmp_path, "b")])
    until(jobs, job.id, at_frame_10)
    assert jobs.pause(job.id).state == "paused"
    until(jobs, job.id, lambda job: job.stage == "resting")
    (tmp_path / "a.go").touch()
    time.sleep(0.2)
    assert (jobs.get(job.id).frames, jobs.get(job.id).state) == (9, "paused")
    assert jobs.get(behind.id).state == "queued"
    assert jobs.resume(job.id).state == "running"
    until(jobs, behind.id, ended)
    assert jobs.get(job.id).state == "done"
    assert log(tmp_path)[:2] == ["a.avi begun", "a.avi done"]


def test_a_cancelled_job_leaves_nothing_half(open_jobs: Callable[..., Jobs], tmp_path: Path) -> None:
    (tmp_path / "serve" / "tracks" / "video b").mkdir(parents=True)  # of an earlier job
    jobs = open_jobs()
    job = jobs.start([video(tmp_path, "a"), video(tmp_path, "b", "slow"), video(tmp_path, "c")])
    until(jobs, job.id, lambda job: job.videos[1].state == "tracking" and job.frames == 9)
    waiting = jobs.start([video(tmp_path, "d")])
    jobs.cancel(waiting.id)
    jobs.cancel(job.id)
    job = until(jobs, job.id, ended)
    assert (job.state, jobs.get(waiting.id).state if ended(jobs.get(waiting.id)) else "") in [
        ("cancelled", "cancelled"),
        ("cancelled", ""),
    ]
    assert until(jobs, waiting.id, ended).state == "cancelled"
    kept = {path.name for path in jobs.tracks.iterdir() if path.is_dir()}
    assert kept == {"video a", "video b"}, "a is done, and b was there before"
    assert job.message == "3 tracklets of 1 of 3 videos were added"
    for change in (jobs.cancel, jobs.pause, jobs.resume):
        with pytest.raises(JobError) as error:
            change(job.id)
        assert error.value.status == 409
    again = jobs.start([video(tmp_path, "e", "slow")])
    until(jobs, again.id, at_frame_10)
    jobs.pause(again.id)
    jobs.cancel(again.id)
    assert until(jobs, again.id, ended).state == "cancelled"
    assert not (jobs.tracks / "video e").exists()


def test_an_uploaded_video_goes_with_a_job_that_does_not_add_it(
    open_jobs: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = open_jobs()
    for name in ("one", "two", "three"):
        (jobs.videos / name).mkdir(parents=True)
    good = jobs.start([video(jobs.videos / "one", "a")])
    bad = jobs.start([video(jobs.videos / "two", "b", "bad")])
    other = jobs.start([video(tmp_path, "c", "bad")])
    until(jobs, other.id, ended)
    assert [jobs.get(job.id).state for job in (good, bad, other)] == ["done", "failed", "failed"]
    assert sorted(path.name for path in jobs.videos.iterdir()) == ["one", "three"]
    assert (tmp_path / "c.avi").exists(), "it is not the server's"


def test_a_video_that_fails_does_not_stop_the_others(open_jobs: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = open_jobs()
    job = jobs.start([video(tmp_path, "a", "bad"), video(tmp_path, "b")])
    job = until(jobs, job.id, ended)
    assert (job.state, job.error, job.videos[0].error) == ("done", "some failed", "no video at all")
    assert [v.state for v in job.videos] == ["failed", "done"]


def test_a_worker_that_dies_is_started_again_and_a_video_that_kills_it_is_passed_over(
    open_jobs: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = open_jobs()
    job = jobs.start(
        [video(tmp_path, "a", "crash once"), video(tmp_path, "b", "crash"), video(tmp_path, "c")]
    )
    job = until(jobs, job.id, ended)
    assert [v.state for v in job.videos] == ["done", "failed", "done"]
    assert job.videos[1].error == "its process ended with status 7: it went wrong"
    assert log(tmp_path).count("a.avi begun") == 2
    assert log(tmp_path).count("b.avi begun") == 3
    assert {path.name for path in jobs.tracks.iterdir() if path.is_dir()} == {"video a", "video c"}


def test_a_worker_that_cannot_be_started(tmp_path: Path) -> None:
    for command in (("/no/such/program",), (sys.executable, "-c", "raise SystemExit('no good')")):
        folder = tmp_path / Path(command[0]).name
        jobs = Jobs(folder, tmp_path, options=OPTIONS, command=command)
        job = until(jobs, jobs.start([video(tmp_path, "a")]).id, ended)
        assert job.state == "failed"
        assert job.error
        jobs.close()


def test_what_is_no_job(open_jobs: Callable[..., Jobs], tmp_path: Path) -> None:
    jobs = open_jobs(waiting=1)
    for number in (0, 7, -1, 2**70):
        for ask in (jobs.get, jobs.pause, jobs.resume, jobs.cancel):
            with pytest.raises(JobError) as error:
                ask(number)
            assert error.value.status == 404
    with pytest.raises(JobError, match="needs videos"):
        jobs.start([])
    with pytest.raises(ConfigError, match="folder name"):
        jobs.start([video(tmp_path, "a", "../evil")])
    running = jobs.start([video(tmp_path, "a", "slow")])
    until(jobs, running.id, at_frame_10)
    jobs.start([video(tmp_path, "b")])
    with pytest.raises(JobError) as full:
        jobs.start([video(tmp_path, "c")])
    assert (full.value.status, full.value.retry_after) == (503, 60)


def test_a_second_server_is_refused(open_jobs: Callable[..., Jobs]) -> None:
    open_jobs()
    with pytest.raises(ConfigError, match="Another server"):
        open_jobs()


def test_a_server_that_is_closed_goes_on_when_it_is_opened_again(
    open_jobs: Callable[..., Jobs], tmp_path: Path
) -> None:
    jobs = open_jobs()
    job = jobs.start([video(tmp_path, "a"), video(tmp_path, "b", "slow")])
    paused = jobs.start([video(tmp_path, "c")])
    last = jobs.start([video(tmp_path, "d")])
    until(jobs, job.id, lambda job: job.videos[1].state == "tracking" and job.frames == 9)
    jobs.pause(paused.id)
    version = jobs.version
    jobs.close()
    (tmp_path / "b.go").touch()
    jobs = open_jobs()
    assert jobs.version >= version
    assert until(jobs, job.id, ended).state == "done"
    assert log(tmp_path) == ["a.avi begun", "a.avi done", "b.avi begun", "b.avi begun", "b.avi done"]
    assert [jobs.get(each.id).state for each in (paused, last)] == ["paused", "queued"]
    jobs.resume(paused.id)
    until(jobs, last.id, ended)


SERVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from stca.web.jobs import Jobs, JobOptions, NewVideo
folder = Path(sys.argv[1])
command = (sys.executable, "-S", sys.argv[2] + "/fake_worker.py")
jobs = Jobs(folder / "serve", folder / "gallery", options=JobOptions(detector="motion"), command=command)
job = jobs.start([NewVideo(folder / "a.avi"), NewVideo(folder / "b.avi", "slow")])
end = time.monotonic() + 60
while jobs.get(job.id).videos[1].state != "tracking" or jobs.get(job.id).frames != 9:
    assert time.monotonic() < end
    time.sleep(0.01)
print(jobs._working._runner[1]._process.pid, flush=True)
time.sleep(600)
"""


def test_a_server_that_is_killed_takes_its_worker_along_and_the_next_one_goes_on(
    open_jobs: Callable[..., Jobs], tmp_path: Path
) -> None:
    video(tmp_path, "a"), video(tmp_path, "b")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), str(TESTS)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert server.stdout is not None
    worker = int(server.stdout.readline())
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    end = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and sys.platform == "linux":
        assert time.monotonic() < end
        time.sleep(0.01)
    (tmp_path / "b.go").touch()
    jobs = open_jobs()
    job = until(jobs, 1, ended)
    assert (job.state, [v.state for v in job.videos]) == ("done", ["done", "done"])
    assert log(tmp_path) == ["a.avi begun", "a.avi done", "b.avi begun", "b.avi begun", "b.avi done"]
