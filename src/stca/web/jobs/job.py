"""What a job is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
VideoState = Literal["queued", "tracking", "adding", "done", "failed"]

UNFINISHED: tuple[State, ...] = ("queued", "running", "paused")
ADD_VIDEOS = "add videos"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How videos are tracked and embedded; a job keeps those it began with.

    Args:
        detector: as `stca.tracking.open_detector`; None: `stca.tracking.default_detector`.
        tracker: `ocsort` or `bytetrack`.
        every: only every `every`-th frame is processed.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.

    """

    detector: str | None = None
    tracker: str = "ocsort"
    every: int = 1
    device: str = "auto"
    precision: str = "auto"
    batch_size: int = 16


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video to be added.

    Args:
        path: of the file.
        camera: its name; None: the file's without suffix.
        start: when it began, POSIX seconds; None: unknown.

    """

    path: Path
    camera: str | None = None
    start: float | None = None


@dataclass(frozen=True, slots=True)
class JobVideo:
    """A video of a job.

    Args:
        path, camera, start: as of `NewVideo`.
        state: how far it is.
        folder: name of the folder of its tracks; None before it is known.
        fresh: whether its tracks were made by this job; what was there before is never removed.
        tracklets: that were found.
        error: why it failed.

    """

    path: Path
    camera: str | None
    start: float | None
    state: VideoState = "queued"
    folder: str | None = None
    fresh: bool = False
    tracklets: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Args:
        id: from 1; later ones are larger.
        kind: `ADD_VIDEOS`.
        created, finished: POSIX seconds; `finished` is None before its end.
        state: queued, running, paused; done, failed or cancelled.
        stage: what is done at present, for people.
        progress: from 0 to 1.
        frames: processed so far.
        frames_per_second: of the last seconds; None where nothing is tracked at present.
        seconds_left: an estimate; None where there is none.
        message: what people should know: what came out, and warnings.
        error: why it failed, or which of its videos did.
        link: whether persons are linked at its end.
        videos: at least one.
        version: of its last change, see `Jobs.wait_change`.

    """

    id: int
    kind: str
    created: float
    finished: float | None
    state: State
    stage: str
    progress: float
    frames: int
    frames_per_second: float | None
    seconds_left: float | None
    message: str
    error: str | None
    link: bool
    videos: tuple[JobVideo, ...]
    version: int
