"""From what cameras tell to events and the gallery, with vectors by name instead of a network."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from made_gallery import DIM, FINGERPRINT
from stca.footage.images import write_jpeg
from stca.gallery import Calibration, Gallery, Record
from stca.linking.persons import merge_persons
from stca.tracks import FrameRecord, TrackRecord, write_track
from stca.watch.cameras.messages import Finished, Grew, Joined
from stca.watch.current import CurrentTracklets, Parts
from stca.watch.events import Outbox
from stca.watch.events.schema import event_schema
from stca.watch.people.embedding import SharedEmbedder
from stca.watch.settings import CameraSettings, WatchSettings
from stca.watch.watching import assemble, follow_thresholds

BASIS = np.eye(DIM, dtype=np.float32)


class Named(SharedEmbedder):
    """The vector of a tracklet is that of the person its crops' folder was said to show."""

    def __init__(self) -> None:
        self.who: dict[str, int] = {}

    clip_len = 8  # type: ignore[assignment]

    def means(self, crops: Mapping[str, Sequence[Path]]) -> dict[str, np.ndarray]:
        return {key: BASIS[self.who[key]] for key in crops if key in self.who}


class Scene:
    """A gallery with person 1, who is BASIS[0], and everything that decides."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder, self.embedder = folder, Named()
        self.gallery = Gallery.open(folder / "gallery", model=FINGERPRINT)
        if not len(self.gallery):
            self.gallery.add([Record("old/0001", "old", 1.0, 2.0)], BASIS[:1])
            self.gallery.set_persons({"old/0001": 1})
        self.outbox = Outbox(folder / "events.sqlite")
        more = {"threshold": 0.7, **settings}
        cameras = (CameraSettings("door", "usb:0"), CameraSettings("yard", "usb:1"))
        given = WatchSettings(folder, cameras, **more)  # type: ignore[arg-type]
        self.parts: Parts = assemble(given, self.gallery, self.embedder, self.outbox, ["1"])  # type: ignore[arg-type]
        self.current = CurrentTracklets(self.parts, folder / "tracks", lost_after=5.0)
        self.now = self.parts.clock.now()

    def grow(self, camera: str, track: int, who: int, begin: float = 0.0) -> None:
        self.embedder.who[f"{camera}/{track:04d}"] = who
        first = self.now + begin
        self.current.grew(camera, Grew(track, first, first + 1, ("a.jpg",), 4))
        self.current.embed()

    def end(self, camera: str, track: int, *, count: int = 4) -> None:
        folder = self.folder / "tracks" / camera / f"{track:04d}"
        folder.mkdir(parents=True)
        start = self.parts.clock.wall(self.now)
        frames = []
        for number in range(1, count + 1):
            write_jpeg(folder / f"{number:06d}.jpg", np.full((40, 20, 3), 9 * number, np.uint8))
            box = (1.0, 1.0, 20.0, 40.0)
            frames.append(FrameRecord(number, start + number / 4, box, 0.9, f"{number:06d}.jpg", {}, True))
        write_track(folder, TrackRecord(camera, track, "v", 4.0, start, "d", None, tuple(frames)))
        self.current.finished(camera, Finished(track, self.now, self.now + 1))
        self.current.embed()

    def events(self) -> list[dict]:
        return [each.body for each in self.outbox.latest(99)]

    def said(self, *names: str) -> list[tuple]:
        return [
            tuple(each.get(name) for name in ("kind", "tracklet", "person", *names)) for each in self.events()
        ]


@pytest.fixture
def scene(tmp_path: Path):
    made = Scene(tmp_path)
    yield made
    made.gallery.close()
    made.outbox.close()
    check = pytest.importorskip("jsonschema").Draft202012Validator(event_schema())
    for event in Outbox(tmp_path / "events.sqlite").latest(99):
        check.validate(event.body)


def test_somebody_comes_and_goes(scene: Scene) -> None:
    scene.grow("door", 0, who=0)
    assert scene.current.in_view() == {"door": 1}
    scene.end("door", 0)
    assert scene.said() == [
        ("seen", "door/0000", 1),
        ("same_person_as", "door/0000", 1),
        ("alert", "door/0000", 1),
        ("lost", "door/0000", 1),
    ]
    alert = scene.events()[2]
    assert (alert["wanted"], alert["like"], alert["score"]) == ("1", "old/0001", 1.0)
    assert (alert["false_accept_rate"], alert["calibrated"]) == (None, "given")
    assert scene.gallery.persons_of(["door/0000"]) == {"door/0000": 1}
    assert scene.outbox.walking() == []
    assert scene.current.in_view() == {}
    scene.grow("yard", 0, who=0, begin=10)
    assert [each for each in scene.said() if each[0] == "alert"] == [("alert", "door/0000", 1)], "one visit"


def test_a_track_that_comes_too_late_to_be_said_while_it_walks(scene: Scene) -> None:
    scene.embedder.who["door/0003"] = 4
    scene.end("door", 3)
    assert scene.said("new") == [("seen", "door/0003", 2, True), ("lost", "door/0003", 2, None)]
    assert scene.gallery.persons_of(["door/0003"]) == {"door/0003": 2}


def test_tracks_that_are_joined_or_dropped(scene: Scene) -> None:
    scene.grow("door", 0, who=3)
    scene.grow("door", 1, who=4, begin=2)
    scene.current.joined("door", Joined(0, 1))
    assert scene.said("before", "reason", "into")[-1] == ("revised", "door/0001", 2, 3, "joined", "door/0000")
    assert [each.tracklet for each in scene.outbox.walking()] == ["door/0000"]
    scene.current.dropped("door", 0)
    assert scene.said("before", "reason")[-1] == ("revised", "door/0000", None, 2, "withdrawn")
    assert scene.outbox.walking() == []
    assert not scene.current.waiting


def test_who_is_silent_is_lost_once(scene: Scene) -> None:
    scene.grow("door", 0, who=3, begin=-20)
    (each,) = scene.current._tracklets.values()
    each.heard -= 20
    scene.current.lose_silent(playing=frozenset())
    scene.current.lose_silent(playing=frozenset({"door"}))
    assert scene.said("reason")[1:] == [("lost", "door/0000", 2, "camera")]


def test_a_correction_of_a_stored_tracklet_is_an_event(scene: Scene) -> None:
    scene.grow("door", 0, who=3)
    scene.end("door", 0)
    merge_persons(scene.gallery, 1, 2)
    scene.current.follow_people()
    assert scene.said("before", "reason")[-1] == ("revised", "door/0000", 1, 2, "corrected")


def test_a_revision_of_a_stored_tracklet_is_written_and_said(scene: Scene) -> None:
    scene.grow("door", 0, who=3)
    scene.end("door", 0)  # person 2
    half = (BASIS[3] + 0.9 * BASIS[5]) / np.linalg.norm(BASIS[3] + 0.9 * BASIS[5])
    scene.grow("yard", 0, who=5, begin=5)  # person 3
    better = half.astype(np.float32)
    scene.parts.identities.observe(
        "yard/0000", "yard", first=scene.now + 5, last=scene.now + 7, vector=better, now=scene.now + 7
    )
    assert scene.parts.identities["yard/0000"].person == 2
    assert scene.gallery.persons_of(["door/0000"]) == {"door/0000": 2}


def test_an_earlier_process_said_that_somebody_walks_and_nothing_is_left(scene: Scene) -> None:
    from stca.watch.recovery import take_over

    scene.grow("door", 0, who=3)
    cameras = [CameraSettings("door", "usb:0")]
    again = Scene(scene.folder)
    take_over(again.gallery, scene.folder / "tracks", cameras, again.parts, again.current)
    assert again.said("reason")[-1] == ("lost", "door/0000", 2, "restart")
    assert again.outbox.walking() == []
    assert again.gallery.reserve_number() == 3, "what was said is not said of somebody else"
    again.gallery.close()


def test_a_calibration_made_meanwhile_decides(tmp_path: Path) -> None:
    """Two tracklets at a cosine of 0.8 to person 1, below and above the threshold."""
    at_first = Calibration(0.7, 0.01, "labels", 10, 10, 1, 1.0, 1.0, 1.0)
    with Gallery.open(tmp_path / "gallery", model=FINGERPRINT) as gallery:
        gallery.set_calibration(at_first)
    scene = Scene(tmp_path, threshold=None)
    for track, threshold, apart in ((1, 0.7, 2), (2, 0.9, 3)):
        scene.gallery.set_calibration(dataclasses.replace(at_first, threshold=threshold))
        assert bool(follow_thresholds(scene.parts)) == (threshold != 0.7)
        assert scene.parts.alerts.threshold == threshold
        vector = 0.8 * BASIS[0] + 0.6 * BASIS[apart]
        scene.embedder.means = lambda crops, vector=vector: dict.fromkeys(crops, vector)  # type: ignore[method-assign]
        scene.grow("door", track, 0, begin=500 * track)
    persons = {each["tracklet"]: each["person"] for each in scene.events() if each["kind"] != "alert"}
    assert persons["door/0001"] == 1 != persons["door/0002"]
    scene.gallery.close()
    scene.outbox.close()
