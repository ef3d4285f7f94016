"""`Jobs`: the queue of a server, and the thread that works it off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from stca.tools.files import locked
from stca.tracking import default_detector
from stca.tracking.options import check_camera
from stca.web.jobs.errors import JobError
from stca.web.jobs.job import UNFINISHED, Job, JobOptions, NewVideo
from stca.web.jobs.runner import COMMAND
from stca.web.jobs.store import JobStore
from stca.web.jobs.working import Working

TRACKS, VIDEOS = "tracks", "videos"
"""Folders in the server's: of the tracks that jobs make, and of uploaded videos."""
MOST_VIDEOS = 200


class Jobs:
    """Jobs of a server, done one after the other in the order they came; a paused one keeps its place.

    They are kept on disk: what was queued, running or paused when the server ended, however it ended, is
    taken up by the next one. Every method may be called from any thread.

    Uploaded videos are put into folders of their own in `videos`, and removed with a job that does not add
    them.

    Args:
        folder: of the server.
        gallery: that videos are added to.
        model: as `stca.runs.open_model`; None: the gallery's.
        options: of new jobs.
        waiting: jobs that may wait.
        command: that starts a worker.
        check: raises a StcaError where the gallery is not the one that was opened; None: not looked at.

    Raises:
        ConfigError: another server has this folder.
        GalleryError: the file of the jobs cannot be used.

    """

    def __init__(
        self,
        folder: Path,
        gallery: Path | str,
        *,
        model: str | None = None,
        options: JobOptions | None = None,
        waiting: int = 50,
        command: Sequence[str] = COMMAND,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.tracks, self.videos = folder / TRACKS, folder / VIDEOS
        self._options, self._most = options or JobOptions(), waiting
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            taken = "Another server works for this gallery"
            stack.enter_context(locked(folder / "jobs.lock", taken=taken, hint="stop it first"))
            self._store = JobStore(folder)
            self._held = stack.pop_all()
        self._changed = self._store.changed
        self._working = Working(
            self._store,
            folder=folder,
            tracks=self.tracks,
            uploaded=self.videos,
            task={
                "gallery": gallery if isinstance(gallery, str) else str(gallery.absolute()),
                "tracks": str(self.tracks.absolute()),
                "model": model,
            },
            command=command,
            check=check or (lambda: None),
        )

    # ---- asking ----

    def list(self) -> Sequence[Job]:
        """All jobs that are kept, newest first."""
        return self._store.list()

    def added(self) -> frozenset[Path]:
        """Videos that a job has added to the gallery, or in which it found nobody."""
        return frozenset(video.path for job in self.list() for video in job.videos if video.state == "done")

    def get(self, number: int) -> Job:
        """The job of an id.

        Raises:
            JobError: there is none (404).

        """
        return self._store.get(number)

    @property
    def version(self) -> int:
        """Of the last change of any job."""
        return self._store.version

    def wait_change(self, since: int, timeout: float) -> tuple[int, Sequence[Job]]:
        """Wait until a job changes.

        Args:
            since: a version; 0: everything is a change.
            timeout: seconds to wait at most.

        Returns:
            the present version, to be given next time, and the jobs that changed since, as they are now; none
            after the timeout or when the server ends.

        """
        with self._changed:
            self._changed.wait_for(lambda: self._working.closing or self._store.version > since, timeout)
            if self._working.closing:
                return since, []
            return self._store.version, self._store.since(since)

    def video_of(self, folder: Path) -> Path | None:
        """The video that the tracks in a folder were made from; None where no job made them."""
        if folder.absolute().parent != self.tracks.absolute():
            return None
        return self._store.folders().get(folder.name)

    # ---- changing ----

    def start(self, videos: Sequence[NewVideo], *, link: bool = False) -> Job:
        """Queue a job that adds videos to the gallery.

        Args:
            videos: files; see `stca.web.jobs.allowed_video` and `stca.web.uploads.check_video`.
            link: whether to link persons at the end.

        Raises:
            JobError: no videos, or too many (422); too many jobs wait already (503).
            ConfigError: a camera's name that cannot be a folder's.

        """
        if not 0 < len(videos) <= MOST_VIDEOS:
            raise JobError(
                "A job needs videos", status=422, expected=f"1 to {MOST_VIDEOS}", found=len(videos)
            )
        for video in videos:
            if video.camera is not None:
                check_camera(video.camera)
        options = replace(self._options, detector=self._options.detector or default_detector())
        return self._store.add(
            [replace(video, path=video.path.absolute()) for video in videos],
            options,
            link=link,
            most=self._most,
        )

    def pause(self, number: int) -> Job:
        """Let a job rest, between two frames; those behind it wait. Its process keeps what it has.

        Raises:
            JobError: there is no such job (404), or it is finished (409).

        """
        with self._changed:
            self._require_unfinished(number)
            self._working.tell(number, "pause")
            self._store.change(number, state="paused", frames_per_second=None, seconds_left=None)
            return self._store.get(number)

    def resume(self, number: int) -> Job:
        """Let a paused job go on.

        Raises:
            JobError: there is no such job (404), or it is finished (409).

        """
        with self._changed:
            if self._require_unfinished(number).state == "paused":
                running = self._working.tell(number, "resume")
                self._store.change(number, state="running" if running else "queued")
            return self._store.get(number)

    def cancel(self, number: int) -> Job:
        """End a job. What it made of the video it was at is removed, soon after; earlier ones stay.

        Raises:
            JobError: there is no such job (404), or it is finished (409).

        """
        with self._changed:
            self._require_unfinished(number)
            self._store.change(number, wanted="cancel")
            self._working.kill(number)
            return self._store.get(number)

    def close(self) -> None:
        """End the present process; its job goes on when the server is started again."""
        self._working.close()
        self._store.close()
        self._held.close()

    def _require_unfinished(self, number: int) -> Job:
        job = self._store.get(number)
        if job.state not in UNFINISHED:
            raise JobError("This job is finished", status=409, found=job.state)
        return job
