"""The process of one camera: detects and tracks, and tells what it finds while people still walk."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from stca.errors import StcaError
from stca.footage.frames import Frame
from stca.tracking import TrackOptions, quality
from stca.tracking.camera_folder.writing import CameraFolder, ResumePoint
from stca.tracking.job import Job, TrackedFrame
from stca.tracking.smoothing import is_long_enough
from stca.tracking.track_builder import Observation, Track
from stca.tracks import TrackRecord, write_track
from stca.watch.cameras.messages import (
    CameraState,
    Dropped,
    Finished,
    Grew,
    Joined,
    Message,
    Note,
    StillThere,
)
from stca.watch.cameras.source import LiveSource
from stca.watch.clock import WallClock
from stca.watch.settings import CameraSettings, folder_settings

FIRST_CROPS = 4
"""Good crops after which a tracklet is embedded for the first time; again whenever they have doubled."""
_SHOWN = 16  # crops that are embedded while a tracklet walks, evenly spread
_BEAT = 0.5  # seconds between two `StillThere`
_KEPT = 10.0  # seconds after which a walking tracklet's side file is written again
_LOOKS = 2  # crops in which a person is looked for at a time, between two frames
_UNSCORED = 64  # crops whose sharpness may still be on its way; as many as the writer lets wait


@dataclass(slots=True)
class _Walking:
    """A track that has not ended."""

    track: Track
    usable: list[Observation] = field(default_factory=list)
    checked: int = 0
    person: bool = False
    told: bool = False
    next_at: int = FIRST_CROPS
    kept_at: float = 0.0


class LiveFolder(CameraFolder):
    """A camera's folder that tells of tracklets while they are still in `.live`.

    There they have a side file from the first telling on, so that a process that is killed loses nothing that
    was said (`stca.watch.recovery`).

    Args:
        path: the folder.
        settings: as of `CameraFolder`.
        tell: is told.
        first: the least track number.

    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], tell: Callable[[Message], None], first: int = 0
    ) -> None:
        super().__init__(path, settings)
        self._tell, self._first, self._walking = tell, first, dict[int, _Walking]()
        self.record: Callable[[int, list[Observation]], TrackRecord] | None = None
        self.moment: Callable[[float], float] = lambda seconds: seconds
        self.sees_person: Callable[[int, list[Observation], int], bool] = lambda *_: True
        self.longest = float("inf")

    def begin(self, *, keep: bool) -> ResumePoint:
        """As of `CameraFolder`, with numbers from `first` on."""
        point = super().begin(keep=keep)
        return replace(point, number=max(point.number, self._first))

    def add(self, number: int, observation: Observation) -> None:
        """Queue the crop of a box."""
        super().add(number, observation)
        each = self._walking.setdefault(number, _Walking(Track(number)))
        each.track.observations.append(observation)

    def join(self, number: int, later: int) -> None:
        """Move the crops of track `later` to those of track `number`."""
        super().join(number, later)
        gone = self._walking.pop(later, None)
        if gone is None:
            return
        each = self._walking.setdefault(number, _Walking(Track(number)))
        each.track.observations += gone.track.observations
        each.usable, each.checked = [], 0
        each.told |= gone.told
        each.person |= gone.person
        if each.told:
            self._score(each)
            each.next_at = 1  # told at the next frame
            self._write_record(each)
        if gone.told:
            self._tell(Joined(number, later))

    def split(self, number: int, later: int, observations: Sequence[Observation]) -> None:
        """Move the crops of these observations of track `number` to a new track `later`."""
        super().split(number, later, observations)
        moved = set(map(id, observations))
        each = self._walking[number]
        each.track.observations = [o for o in each.track.observations if id(o) not in moved]
        each.usable, each.checked, each.person = [], 0, False  # it may have been the other one
        self._walking[later] = _Walking(Track(later, list(observations)))

    def drop(self, number: int) -> None:
        """Delete the crops of a track."""
        super().drop(number)
        each = self._walking.pop(number, None)
        if each is not None and each.told:
            self._tell(Dropped(number))

    def finish_tracklet(self, record: TrackRecord) -> Path:
        """Write the side file of a tracklet, and move it to its final name."""
        folder = super().finish_tracklet(record)
        self._walking.pop(record.track, None)
        start = record.start or 0.0
        first, last = (self.moment(seconds - start) for seconds in (record.first, record.last))
        self._tell(Finished(record.track, first, last, cut=last - first > self.longest))
        return folder

    def tell_walking(self) -> dict[int, float]:
        """Tell of tracklets with twice the good crops; the moments of the last boxes of those told."""
        for each in list(self._walking.values()):
            self._score(each)
            if len(each.usable) >= each.next_at and (each.told or is_long_enough(each.track)):
                each.next_at = max(FIRST_CROPS, 2 * len(each.usable))
                newer = each.usable[len(each.usable) // 2 :]
                each.person = each.person or self.sees_person(each.track.number, newer, _LOOKS)
                if each.person:
                    self.wait()
                    self._write_record(each)
                    self._tell(self._grew(each))
                    each.told = True
            elif each.told and time.monotonic() - each.kept_at > _KEPT:
                self._write_record(each)
        return {number: self.moment(each.track.last) for number, each in self._walking.items() if each.told}

    def is_person(self, number: int) -> bool:
        """Whether a person was seen in a track that has not ended."""
        return number in self._walking and self._walking[number].person

    def _score(self, each: _Walking) -> None:
        """Which of the newest crops are good; their sharpness comes after they were written."""
        seen = each.track.observations
        while each.checked < len(seen):
            observation = seen[each.checked]
            if observation.file and not observation.quality["sharpness"]:
                if len(seen) - each.checked <= _UNSCORED:
                    return
            elif observation.file and quality.is_usable(observation.quality):
                each.usable.append(observation)
            each.checked += 1

    def _grew(self, each: _Walking) -> Grew:
        number, count = each.track.number, len(each.usable)
        ends = [part * count // min(_SHOWN, count) for part in range(min(_SHOWN, count) + 1)]
        chosen = [each.usable[(start + end) // 2] for start, end in itertools.pairwise(ends)]
        crops = tuple(str(self._live(number) / observation.file) for observation in chosen)
        first, last = self.moment(each.track.first), self.moment(each.track.last)
        return Grew(number, first, last, crops, count)

    def _write_record(self, each: _Walking) -> None:
        """Write the side file of a tracklet that still walks."""
        self.wait()
        observations = [o for o in each.track.observations if o.file]
        if self.record is not None and observations:
            write_track(self._live(each.track.number), self.record(each.track.number, observations))
        each.kept_at = time.monotonic()


class LiveJob(Job):
    """Tracking of a camera that is watched."""

    def __init__(
        self, live: LiveSource, camera: CameraSettings, folder: LiveFolder, tell: Callable[[Message], None]
    ) -> None:
        options = TrackOptions(
            detector=camera.detector,
            tracker=camera.tracker,
            camera=camera.name,
            every=camera.every,
            masks=camera.masks,
        )
        source = live.source()
        super().__init__(source, camera.name, options.resolved(source, None), folder)
        self._live_source, self._live_folder, self._tell = live, folder, tell
        self._clock, self._every = WallClock(), camera.every
        self._last_number, self._dropped, self._beat = 0, 0, 0.0
        folder.record, folder.moment, folder.sees_person = self._record, self._moment, self._sees_person
        folder.longest = self._longest = camera.longest
        self._at_once = True

    def _moment(self, seconds: float) -> float:
        return (self._live_source.begin or 0.0) + seconds

    def _tracked_frames(self) -> Iterator[TrackedFrame]:
        """Frames with boxes; between them, what is new is told, and the wall clock is followed."""
        for frame, found, numbers in super()._tracked_frames():
            self._follow_clock()
            yield frame, found, numbers
            self._count(frame)
            last = self._live_folder.tell_walking()
            if time.monotonic() - self._beat >= _BEAT:
                self._beat = time.monotonic()
                taken, processed = self._live_source.taken, self.summary().frames
                self._tell(StillThere(last, taken, processed, self._dropped))

    def _is_person(self, track: Track) -> bool:
        return self._live_folder.is_person(track.number) or super()._is_person(track)

    def _follow_clock(self) -> None:
        self._clock.check()
        self._start = self._clock.wall(self._moment(0.0))

    def _count(self, frame: Frame) -> None:
        if self._last_number:
            self._dropped += (frame.number - self._last_number) // self._every - 1
        self._last_number = frame.number


def follow_camera(camera: CameraSettings, place: Path, connection: Connection, first: int = 0) -> None:
    """Follow one camera until it ends or the watching process says so; runs in a process of its own.

    Args:
        camera: which.
        place: its folder.
        connection: to the watching process; anything that comes from there is the word to stop.
        first: the least track number: the gallery may have tracklets of this camera from another folder.

    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; who watches decides
    lock, stop = threading.Lock(), threading.Event()

    def tell(message: Message) -> None:
        with lock:
            connection.send(message)

    def warn(message: Warning | str, *_: Any, **__: Any) -> None:
        tell(Note(" ".join(str(message).split())))

    warnings.showwarning = warn
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.Thread(target=_wait_for_stop, args=(connection, stop), daemon=True).start()
    try:
        folder = LiveFolder(place, folder_settings(camera.name), tell, first)
        try:
            job = LiveJob(LiveSource(camera, place, tell, stop), camera, folder, tell)
            for _ in job.run(show=False):
                pass
            summary = job.summary()
            tell(StillThere({}, job._live_source.taken, summary.frames, job._dropped))
        finally:
            folder.close()
        tell(CameraState("ended"))
    except StcaError as error:
        tell(CameraState("failed", f"{error.what}: {error.found or error.expected or error.where}"))
    except (BrokenPipeError, ConnectionError):
        os._exit(1)  # who watches is gone
    except Exception as error:  # a detector of somebody else's
        tell(CameraState("failed", f"{type(error).__name__}: {error}"))
    finally:
        connection.close()


def _end_with_parent() -> None:
    """A process whose parent was killed must not write on."""
    if (parent := parent_process()) is not None:
        parent.join()
    os._exit(1)


def _wait_for_stop(connection: Connection, stop: threading.Event) -> None:
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    stop.set()
