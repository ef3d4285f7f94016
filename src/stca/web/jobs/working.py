"""The thread that works off the queue."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stca.errors import StcaError
from stca.web.jobs.folders import lock_tracks, remove_video
from stca.web.jobs.job import Job
from stca.web.jobs.runner import Runner
from stca.web.jobs.store import JobStore
from stca.web.texts import text

MOST_TRIES = 3
"""Times that a process may die at one video."""


class Working:
    """Does the jobs of a store, each in a process of its own; the first one is begun at once.

    Args:
        store: of the jobs.
        folder: of the server.
        tracks: folder of the camera folders.
        uploaded: folder of uploaded videos.
        task: what every worker is told: gallery, tracks, model.
        command: that starts a worker.
        check: raises a StcaError where the gallery is not the one that was opened; nothing is done then.

    Attributes:
        closing: whether it was told to end.

    """

    def __init__(
        self,
        store: JobStore,
        *,
        folder: Path,
        tracks: Path,
        uploaded: Path,
        task: dict[str, Any],
        command: Sequence[str],
        check: Callable[[], None],
    ) -> None:
        self.closing = False
        self._store, self._changed = store, store.changed
        self._folder, self._tracks, self._uploaded = folder, tracks, uploaded
        self._task, self._command, self._check = task, tuple(command), check
        self._runner: tuple[int, Runner] | None = None
        store.begin_anew()
        self._thread = threading.Thread(target=self._work_off, name="jobs", daemon=True)
        self._thread.start()

    def tell(self, number: int, line: str) -> bool:
        """Tell the process of a job; False where it has none."""
        with self._changed:
            if self._runner is None or self._runner[0] != number:
                return False
            self._runner[1].tell(line)
            return True

    def kill(self, number: int) -> None:
        """End the process of a job, if it has one."""
        with self._changed:
            if self._runner is not None and self._runner[0] == number:
                self._runner[1].kill()

    def close(self) -> None:
        """End the present process, and the thread."""
        with self._changed:
            self.closing = True
            if self._runner is not None:
                self._runner[1].kill()
            self._changed.notify_all()
        self._thread.join()

    def _work_off(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.closing or self._store.next() is not None)
                job = self._store.next()
                if self.closing:
                    return
            assert job is not None
            try:
                self._work(job.id)
            except Exception as error:  # a full disk, a gallery that is gone: the others may still work
                self._fail(job.id, error)

    def _work(self, number: int) -> None:
        with self._changed:
            if self.closing:
                return
            runner = None if self._store.wanted(number) == "cancel" else self._start(self._store.get(number))
        end = None
        if runner is not None:
            end = runner.follow()
            with self._changed:
                self._runner = None
                if self.closing:
                    return
        if runner is None or self._store.wanted(number) == "cancel":
            self._finish(number, "cancelled", error=None)
        elif end is not None:
            message = str(end.get("message", ""))
            self._finish(number, str(end["state"]), error=end.get("error"), message=message)
        elif self._store.tries(number) < MOST_TRIES or self._give_up_video(number, runner.last_words()):
            if self._store.get(number).state != "paused":
                self._store.change(number, state="queued", stage=text("stage.again"), frames_per_second=None)
        else:
            self._finish(number, "failed", error=runner.last_words())

    def _start(self, job: Job) -> Runner:
        self._check()
        self._store.change(
            job.id,
            state="running",
            stage=job.stage or text("stage.starting"),
            tries=self._store.tries(job.id) + 1,
        )
        uploaded = any(self._uploaded.absolute() == video.path.parent.parent for video in job.videos)
        task = {**self._task, "options": asdict(self._store.options(job.id)), "uploaded": uploaded}
        runner = Runner(job, self._store, task, folder=self._folder, command=self._command)
        self._runner = job.id, runner
        return runner

    def _give_up_video(self, number: int, error: str) -> bool:
        """Pass over the video at which a process died again and again; False where it died elsewhere."""
        for index, video in enumerate(self._store.get(number).videos):
            if video.state in ("tracking", "adding"):
                self._remove_half(number, index)
                self._store.change_video(number, index, state="failed", error=error)
                self._store.change(number, tries=0)
                return True
        return False

    def _finish(self, number: int, state: str, *, error: str | None, message: str = "") -> None:
        """Remove what is half, and write down the end."""
        self._check()
        job = self._store.get(number)
        for index, video in enumerate(job.videos):
            if video.state != "done":
                self._remove_half(number, index)
        done = [video for video in job.videos if video.state == "done"]
        tracklets = sum(video.tracklets for video in done)
        found = text("stage.added", tracklets=tracklets, done=len(done), of=len(job.videos))
        self._store.change(
            number,
            state=state,
            stage="",
            progress=1.0 if state == "done" else job.progress,
            frames_per_second=None,
            seconds_left=None,
            error=error,
            message="\n".join(filter(None, [found, message])),
            finished=time.time(),
        )

    def _remove_half(self, number: int, index: int) -> None:
        """Remove what there is of a video that is not done: tracks, rows of the gallery, an uploaded file."""
        self._check()
        video = self._store.get(number).videos[index]
        if video.folder and video.fresh:
            with lock_tracks(self._tracks):
                remove_video(self._task["gallery"], self._tracks / video.folder)
        if self._uploaded.absolute() == video.path.parent.parent:
            shutil.rmtree(video.path.parent, ignore_errors=True)
        self._store.change_video(number, index, folder=None, tracklets=0)

    def _fail(self, number: int, error: Exception) -> None:
        what = error.what if isinstance(error, StcaError) else str(error) or type(error).__name__
        with self._changed:
            self._runner = None
            self._store.change(number, state="failed", error=what, finished=time.time(), seconds_left=None)
