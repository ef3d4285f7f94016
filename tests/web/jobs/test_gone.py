"""A gallery that is gone while jobs wait or run: a clear failure, and nothing is made in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from pretended_jobs import COMMAND, OPTIONS, at_frame_10, ended, until, video
from stca.errors import GalleryError
from stca.web.jobs import Jobs, working
from stca.web.jobs.control import Control
from stca.web.jobs.worker import _Work


def test_jobs_fail_clearly_and_make_nothing(tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    gallery.mkdir()

    def check() -> None:
        if not gallery.exists():
            raise GalleryError("The gallery is no longer where it was")

    jobs = Jobs(gallery / "serve", gallery, options=OPTIONS, command=COMMAND, check=check)
    try:
        running = jobs.start([video(tmp_path, "a", "slow")])
        waiting = jobs.start([video(tmp_path, "b")])
        until(jobs, running.id, at_frame_10)
        gallery.rename(tmp_path / "elsewhere")
        (tmp_path / "a.go").touch()
        for number in (running.id, waiting.id):
            job = until(jobs, number, ended)
            assert (job.state, job.error) == ("failed", "The gallery is no longer where it was")
        assert not gallery.exists()
    finally:
        jobs.close()


def test_the_worker_makes_no_gallery_in_place_of_one_that_is_gone(tmp_path: Path) -> None:
    task = {"videos": [], "options": {}, "link": False, "model": "colour_histogram"}
    work = _Work(
        task | {"gallery": str(tmp_path / "gone")}, tmp_path / "gone" / "serve" / "tracks", Mock(spec=Control)
    )
    with pytest.raises(GalleryError, match="no longer where it was"):
        work.run()
    assert not (tmp_path / "gone").exists()


LIMITED = """
import json, resource, sys, types
from pathlib import Path
for name in ("stca", "stca.web", "stca.web.uploads"):  # without what these import: PyTorch takes seconds
    module = types.ModuleType(name)
    module.__path__ = [str(Path(sys.argv[2], *name.split(".")))]
    sys.modules[name] = module
from stca.web.uploads.sandbox import limit_tracking
names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
for gpu in (True, False):
    limit_tracking([100, None], Path(sys.argv[1]), gpu=gpu)
    print(json.dumps([resource.getrlimit(getattr(resource, name))[0] for name in names]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="these limits are Linux's")
def test_limits_of_a_worker_that_tracks_an_upload(tmp_path: Path) -> None:
    (tmp_path / "gallery.sqlite").write_bytes(bytes(5000))
    source = Path(working.__file__).parents[3]
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    with_gpu, without = map(json.loads, done.stdout.splitlines())
    assert with_gpu[0] == -1
    assert 4 << 30 < without[0] < 32 << 30
    for _, seconds, written, files, core in (with_gpu, without):
        assert 600 + 200 + 180_000 <= seconds < 600 + 200 + 180_000 + 120
        assert (written, files, core) == (5000 + (1 << 30), 256, 0)


def test_only_workers_of_uploads_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []

    class Noted(working.Runner):
        def __init__(self, job: object, store: object, task: dict[str, object], **more: object) -> None:
            told.append(bool(task["uploaded"]))
            super().__init__(job, store, task, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(working, "Runner", Noted)
    jobs = Jobs(tmp_path / "serve", tmp_path, options=OPTIONS, command=COMMAND)
    try:
        sent = tmp_path / "serve" / "videos" / "0123"
        sent.mkdir(parents=True)
        for folder in (tmp_path, sent):
            assert until(jobs, jobs.start([video(folder, "a")]).id, ended).state == "done"
    finally:
        jobs.close()
    assert told == [False, True]
