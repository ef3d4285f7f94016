"""The worker's line to the server: what it reports, and what it is told."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import deque
from typing import IO, Any

_REPORT_EVERY = 0.25
_WINDOW = 10.0


class Control:
    """Reports on one stream as JSON lines, and listens on another for `pause` and `resume`.

    When the stream that it listens on ends, the server has ended, and so does this process, with all that it
    started.

    Args:
        told: lines from the server.
        reports: lines to it.

    """

    def __init__(self, told: IO[str], reports: IO[str]) -> None:
        self._told, self._reports = told, reports
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def report(self, event: str, **values: Any) -> None:
        """Send an event."""
        with self._lock:
            self._reports.write(json.dumps({"event": event, **values}) + "\n")
            self._reports.flush()

    def wait_while_paused(self) -> float:
        """Return when the work may go on; how many seconds that took."""
        if self._goes_on.is_set():
            return 0.0
        began = time.monotonic()
        self._goes_on.wait()
        return time.monotonic() - began

    def _listen(self) -> None:
        for line in self._told:
            if line.strip() == "pause":
                self._goes_on.clear()
            elif line.strip() == "resume":
                self._goes_on.set()
        end_group()


def end_group() -> None:
    """End this process and the others of its group, at once."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


class Progress:
    """Reports how far a job is: tracking is nine tenths of a video, embedding one.

    Args:
        control: to report by, and to pause.
        lengths: frames of every video; None where unknown.
        done: indices of the videos that earlier runs did.

    """

    _TRACKING = 0.9

    def __init__(self, control: Control, lengths: list[int | None], done: set[int]) -> None:
        self._control = control
        known = [length for length in lengths if length]
        usual = sum(known) / len(known) if known else 1.0
        self._weights = [float(length or usual) for length in lengths]
        self._parts = [float(i in done) for i in range(len(lengths))]
        self._frames = sum(lengths[i] or 0 for i in done)  # of the videos before the present one
        self._here = 0
        self._recent: deque[tuple[float, int]] = deque()
        self._began, self._began_at = time.monotonic(), self._share()
        self._last = 0.0

    def begin(self, video: int, stage: str) -> None:
        """Another video, or another stage of it."""
        self._video, self._stage = video, stage
        self._recent.clear()
        self._send(force=True)

    def tracked(self, frames: int, of: int | None) -> None:
        """After every frame."""
        self._pause()
        self._here = frames
        now = time.monotonic()
        self._recent.append((now, frames))
        while now - self._recent[0][0] > _WINDOW:
            self._recent.popleft()
        self._parts[self._video] = self._TRACKING * min(1.0, frames / of) if of else 0.0
        self._send()

    def added(self, tracklets: int, of: int) -> None:
        """After every commit."""
        self._pause()
        self._parts[self._video] = self._TRACKING + (1 - self._TRACKING) * tracklets / of
        self._send()

    def end(self) -> None:
        """The present video is done."""
        self._parts[self._video] = 1.0
        self._frames, self._here = self._frames + self._here, 0
        self._recent.clear()
        self._send(force=True)

    def _pause(self) -> None:
        if paused := self._control.wait_while_paused():
            self._began += paused
            self._recent.clear()

    def _share(self) -> float:
        total = sum(self._weights)
        return sum(w * p for w, p in zip(self._weights, self._parts, strict=True)) / total

    def _send(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._last < _REPORT_EVERY:
            return
        self._last = now
        share = self._share()
        gained = share - self._began_at
        left = (now - self._began) / gained * (1 - share) if gained > 0.01 else None
        speed = None
        if len(self._recent) > 1 and (span := now - self._recent[0][0]) > 0:
            speed = (self._recent[-1][1] - self._recent[0][1]) / span
        self._control.report(
            "progress",
            stage=self._stage,
            progress=share,
            frames=self._frames + self._here,
            frames_per_second=speed,
            seconds_left=left,
        )
