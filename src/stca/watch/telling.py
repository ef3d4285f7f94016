"""Everybody who is told: standard output, files, web servers, a broker; and the status lines on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stca.watch.cameras.process import CameraProcess
from stca.watch.events import Outbox
from stca.watch.events.delivery import Delivery, Receiver
from stca.watch.events.lines import EventFile, StandardOutput
from stca.watch.events.mqtt import Mqtt
from stca.watch.events.webhook import Webhook
from stca.watch.settings import WatchSettings

_ALIVE = 10.0  # seconds between two signs of life
_BEHIND = 10.0  # seconds for which a tracklet may wait before a word is said


class Told:
    """The receivers of events.

    Args:
        outbox: where events lie.
        settings: web servers and broker.
        files: to which events are appended; "-" is standard output.

    """

    def __init__(self, outbox: Outbox, settings: WatchSettings, files: Sequence[str]) -> None:
        self._broker: Mqtt | None = None
        receivers: list[Receiver] = [StandardOutput() if f == "-" else EventFile(Path(f)) for f in files]
        receivers += [Webhook(each) for each in settings.webhooks]
        if settings.mqtt is not None:
            names = [camera.name for camera in settings.cameras]
            self._broker = Mqtt(settings.mqtt, names, f"stca-{outbox.series}")
            receivers.append(self._broker)
        gone = outbox.keep_receivers([each.name for each in receivers])
        if gone:
            say(f"no longer told: {', '.join(gone)}")
        self._names = [each.name for each in receivers]
        self._deliveries = [Delivery(outbox, each) for each in receivers]
        self.shown = Shown(outbox)

    def show_camera(self, name: str, camera: CameraProcess, *, people: int, last_person: int | None) -> None:
        """A camera's present state, to the broker."""
        if self._broker is not None:
            state = {"state": camera.state.state, "people": people, "last_person": last_person}
            self._broker.show(name, {**state, "dropped": camera.counts.dropped})

    def close(self) -> None:
        """Wait a little for whoever has not taken everything, and say who has not."""
        self.shown.close()
        for name, delivery in zip(self._names, self._deliveries, strict=True):
            if left := delivery.close():
                say(f"{name}: {left} events are kept until the next start")


class Shown:
    """The cameras' states in the outbox, for pages.

    Args:
        outbox: where they lie.

    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._states: dict[str, dict[str, Any]] = {}
        self._next = float("-inf")

    def tick(self, cameras: Mapping[str, CameraProcess]) -> None:
        """Write them if they have changed, at most once a second, and now and then as a sign of life."""
        now = time.monotonic()
        states = {
            name: {"state": each.state.state, "why": each.state.why, "dropped": each.counts.dropped}
            for name, each in cameras.items()
        }
        if not states or now < self._next - (_ALIVE - 1.0 if states != self._states else 0.0):
            return
        self._outbox.show_cameras(states)
        self._states, self._next = states, now + _ALIVE

    def close(self) -> None:
        """Nobody watches any longer."""
        self._outbox.show_cameras({})


class Status:
    """What is said about cameras on stderr: changes at once, counts now and then.

    Args:
        every: seconds between two lines of a camera.

    """

    def __init__(self, every: float) -> None:
        self._every, self._last = every, time.monotonic()
        self._frames: dict[str, int] = {}

    def changed(self, camera: CameraProcess) -> None:
        """A camera's state has changed."""
        say(f"{camera.camera.name}: {state_line(camera)}")

    def tick(
        self,
        cameras: Mapping[str, CameraProcess],
        in_view: Mapping[str, int],
        behind: Callable[[], tuple[int, float]],
    ) -> None:
        """A line for each camera, if it is time, and one where the network does not keep up.

        Args:
            cameras: all.
            in_view: people by camera.
            behind: gives how many tracklets wait for the gallery, and the seconds of the longest waiting.

        """
        seconds = time.monotonic() - self._last
        if seconds < self._every:
            return
        self._last = time.monotonic()
        for name, camera in cameras.items():
            rate = (camera.counts.processed - self._frames.get(name, 0)) / seconds
            self._frames[name] = camera.counts.processed
            dropped = f", {camera.counts.dropped} frames dropped" if camera.counts.dropped else ""
            again = f", started again {camera.restarts} times" if camera.restarts else ""
            words = f"{max(rate, 0):.1f} frames/s, {in_view.get(name, 0)} in view{dropped}{again}"
            say(f"{name}: {state_line(camera)}; {words}")
        waiting, longest = behind()
        if longest > _BEHIND:
            say(f"embedding is behind: {waiting} tracklets that have ended wait, one for {longest:.0f} s")


def state_line(camera: CameraProcess) -> str:
    """A camera's state in words."""
    state = camera.state
    why = f" ({state.why})" if state.why else ""
    again = f", called again in {state.again_in:g} s" if state.again_in else ""
    return f"{state.state}{why}{again}"


def say(words: str) -> None:
    """One line on stderr."""
    print(words, file=sys.stderr, flush=True)
