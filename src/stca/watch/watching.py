"""The loop that all cameras feed."""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stca.gallery import Gallery
from stca.gallery.keeping.places import OUTBOX, note_place
from stca.runs.gallery_model import open_gallery
from stca.tools.files import locked
from stca.watch.announcing import Announcer
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
from stca.watch.cameras.process import CameraProcess, Heard, is_closed, start_all
from stca.watch.clock import WallClock
from stca.watch.current import CurrentTracklets, Parts
from stca.watch.events import Outbox
from stca.watch.keeping import Retention
from stca.watch.people.alerts import Alerts
from stca.watch.people.embedding import SharedEmbedder, shared_embedder
from stca.watch.people.identities import Identities
from stca.watch.recovery import recover, take_over
from stca.watch.settings import WatchSettings
from stca.watch.starting import LOCK, require_writable
from stca.watch.storing import Persons
from stca.watch.telling import Status, Told, say
from stca.watch.thresholds import GalleryThresholds

_LOOK = 1.0  # seconds between two looks at what people corrected
_PATIENCE = 30.0  # seconds in which cameras must finish when they are stopped


def watch(
    settings: WatchSettings,
    *,
    alerts: Sequence[str] = (),
    events: Sequence[str] = ("-",),
    seconds: float | None = None,
) -> None:
    """Watch all cameras until they have ended, `seconds` are over, or somebody interrupts.

    Leaves `out/tracks` (crops), `out/gallery` (vectors and persons) and `out/events.sqlite`, and goes on with
    them when it is called again.

    Args:
        settings: what is watched.
        alerts: persons (numbers), tracklets (keys) and saved searches (names) to give an alert for.
        events: files to which events are appended as JSON lines; "-" is standard output.
        seconds: when to stop; None: never.

    Raises:
        ConfigError: another process watches into this folder or gallery.
        GalleryError: a gallery of another model, without a threshold, or without a wanted person.
        StcaError: a package is not installed.

    """
    settings.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        taken = "Another process watches into this folder"
        stack.enter_context(locked(settings.out / LOCK, taken=taken, hint="another out"))
        place = settings.gallery or settings.out / "gallery"
        gallery, model = open_gallery(place, settings.model)
        stack.enter_context(gallery)
        require_writable(gallery)
        if isinstance(place, Path):
            taken, hint = "Another process watches into this gallery", "one process for all its cameras"
            stack.enter_context(locked(place / LOCK, taken=taken, hint=hint))
        embedder = stack.enter_context(
            shared_embedder(gallery, model, device=settings.device, precision=settings.precision)
        )
        outbox = Outbox(settings.out / OUTBOX)
        stack.callback(outbox.close)
        note_place(gallery, "events", settings.out / OUTBOX)
        interrupted = stack.enter_context(_interruptions())
        parts = assemble(settings, gallery, embedder, outbox, alerts)
        told = Told(outbox, settings, events)
        stack.callback(told.close)
        watching = Watching(settings, parts, told, Retention(gallery, settings.cameras))
        watching.run(gallery, seconds, interrupted)


def assemble(
    settings: WatchSettings,
    gallery: Gallery,
    embedder: SharedEmbedder,
    outbox: Outbox,
    alerts: Sequence[str] = (),
) -> Parts:
    """What deciding needs; see `watch`."""
    clock = WallClock()
    scores = GalleryThresholds(gallery, settings)
    say(f"threshold {scores.decide}")
    identities = Identities(
        scores.decide.value,
        dim=gallery.fingerprint.dim,
        new_number=gallery.reserve_number,
        window=settings.window,
        travel=settings.travel,
    )
    persons = Persons(gallery, identities, clock)
    if persons.unlinked:
        say(f"{persons.unlinked} tracklets of the gallery have no person; `stca link` gives them one")
    return Parts(
        clock=clock,
        identities=identities,
        persons=persons,
        alerts=Alerts(persons.wanted(alerts), scores.alert.value, settings.visit),
        announcer=Announcer(clock, persons.names, scores),
        thresholds=scores,
        embedder=embedder,
        outbox=outbox,
    )


def follow_thresholds(parts: Parts) -> list[str]:
    """Decide by the gallery's present thresholds; what has changed, as sentences."""
    said = parts.thresholds.follow(parts.persons.rows)
    parts.identities.threshold = parts.thresholds.decide.value
    parts.alerts.threshold = parts.thresholds.alert.value
    return said


class Watching:
    """The cameras, and the loop.

    Args:
        settings: what is watched.
        parts: what deciding needs.
        told: who is told.
        retention: forgets what is too old.

    """

    def __init__(self, settings: WatchSettings, parts: Parts, told: Told, retention: Retention) -> None:
        self._settings, self._parts, self._told, self._retention = settings, parts, told, retention
        self._tracks = settings.out / "tracks"
        self._current = CurrentTracklets(parts, self._tracks, settings.lost_after)
        self._heard: queue.Queue[Heard] = queue.Queue()
        self._cameras: dict[str, CameraProcess] = {}
        self._status, self._looked = Status(settings.status), parts.clock.now()

    def run(self, gallery: Gallery, seconds: float | None, interrupted: Callable[[], bool]) -> None:
        """Until all cameras have ended, `seconds` are over, or somebody interrupts."""
        take_over(gallery, self._tracks, self._settings.cameras, self._parts, self._current)
        self._cameras = start_all(
            self._settings.cameras, self._tracks, self._heard, self._parts.persons.next_number
        )
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while not self._all_over():
                if interrupted() or (end is not None and time.monotonic() >= end):
                    self._stop()
                    break
                self.step()
            while self._current.waiting:
                self.step()
        finally:
            for camera in self._cameras.values():
                camera.kill()
        self._current.lose_all()
        gallery.refresh()

    def step(self, timeout: float = 0.1) -> None:
        """Hear, embed, decide, say and store once."""
        self._hear(timeout)
        clock = self._parts.clock
        if (jump := clock.check()) is not None:
            say(f"the wall clock was set by {jump:+.1f} s; what is said follows it")
        expired = self._retention.apply_if_due()
        if expired or clock.now() - self._looked >= _LOOK:
            self._looked = clock.now()
            self._current.follow_people()
            for words in follow_thresholds(self._parts):
                say(words)
        self._current.embed()
        states = {name: camera.state.state for name, camera in self._cameras.items()}
        self._current.lose_silent(playing=frozenset(n for n, state in states.items() if state == "playing"))
        for camera in self._cameras.values():
            camera.start_again_if_due()
        in_view = self._current.in_view()
        self._status.tick(self._cameras, in_view, self._current.behind)
        self._told.shown.tick(self._cameras)
        for name, camera in self._cameras.items():
            self._told.show_camera(
                name, camera, people=in_view.get(name, 0), last_person=self._current.last_person.get(name)
            )

    def _hear(self, timeout: float) -> None:
        block = not self._current.waiting
        try:
            while True:
                name, message = self._heard.get(block, timeout)
                block = False
                self._take(self._cameras[name], message)
        except queue.Empty:
            pass

    def _take(self, camera: CameraProcess, message: Message) -> None:
        name = camera.camera.name
        match message:
            case Note(words):
                say(f"{name}: {words}")
            case CameraState():
                self._take_state(camera, message)
            case Grew():
                self._current.grew(name, message)
            case StillThere(last):
                camera.counts = message
                self._current.still_there(name, last)
            case Joined():
                self._current.joined(name, message)
            case Finished():
                self._current.finished(name, message)
            case Dropped(track):
                self._current.dropped(name, track)

    def _take_state(self, camera: CameraProcess, message: CameraState) -> None:
        if is_closed(message):
            camera.ended()
            if camera.over:
                return
            name = camera.camera.name
            self._current.camera_died(name, recover(camera.place, name))
        else:
            camera.state = message
        self._status.changed(camera)

    def _all_over(self) -> bool:
        return all(camera.over for camera in self._cameras.values())

    def _stop(self) -> None:
        for camera in self._cameras.values():
            camera.stop()
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and not self._all_over():
            self.step()
        if late := [name for name, camera in self._cameras.items() if not camera.over]:
            say(f"{', '.join(late)}: did not end within {_PATIENCE:.0f} s; the next start goes on from there")


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl+C or SIGTERM came; a second one ends everything at once."""
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        say("stopping; what is in view is finished and stored")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
