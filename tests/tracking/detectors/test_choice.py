"""Which detector of the package a video needs."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stca.footage.sources import Frame, Source
from stca.tracking import Detections, TrackOptions, write_tracks
from stca.tracking.detectors import choice
from stca.tracking.detectors.choice import choose_for
from stca.tracking.detectors.detect import AUTO
from stca.tracking.detectors.options import DetectorOptions

pytest.importorskip("trackers")


def footage(
    *, seconds: float = 30.0, step: float = 0.0, live: bool = False, looked_at: list[int] | None = None
) -> Source:
    """A textured wall, ten times a second, by a camera that moves by `step` pixels a frame."""

    def frames() -> Iterator[Frame]:
        small = np.random.default_rng(0).integers(0, 256, (40, 160, 3), dtype=np.uint8)
        wall = cv2.resize(small, (1600, 400), interpolation=cv2.INTER_CUBIC)
        for number in range(round(10 * seconds)):
            if looked_at is not None:
                looked_at.append(number)
            left = round(step * number) % 1000
            yield Frame(number + 1, number / 10, np.ascontiguousarray(wall[:, left : left + 600]))

    return Source("wall", "wall", 10.0, None, live, (), frames)


def people(covering: float) -> object:
    """A detector that sees somebody who covers this part of the picture, and somebody else unsurely."""

    class Detector:
        def detect(self, image: np.ndarray) -> Detections:
            height, width = image.shape[:2]
            boxes = [[0, 0, covering * width, height], [0, 0, width, height]]
            return Detections(np.array(boxes, np.float32), np.array([0.9, 0.3], np.float32))

    return lambda name: Detector()


@pytest.mark.parametrize(
    ("source", "covering", "detector", "moving", "why"),
    [
        (footage(), 0.05, "motion", False, "stands still"),
        (footage(), 0.4, "person_mobile", False, "fill much"),
        (footage(seconds=8), 0.05, "person_mobile", False, "8 s are too short"),
        (footage(step=5), 0.05, "person_mobile", True, "moves"),
        (footage(live=True, step=5), 0.4, "motion", False, "live"),
        (footage(seconds=0.1), 0.05, "person_mobile", False, "0 s are too short"),
        (footage(seconds=0), 0.05, "person_mobile", False, "0 s are too short"),
    ],
)
def test_what_a_video_needs(
    monkeypatch: pytest.MonkeyPatch, source: Source, covering: float, detector: str, moving: bool, why: str
) -> None:
    monkeypatch.setattr(choice, "open_detector", people(covering))
    chosen = choose_for(source)
    assert (chosen.detector, chosen.moving) == (detector, moving)
    assert why in chosen.why


@pytest.mark.parametrize(
    ("step", "told", "moved"), [(0, 6, False), (6, 6, True), (6, -6, False), (0, 0, False)]
)
def test_people_who_walk_are_not_the_camera(
    monkeypatch: pytest.MonkeyPatch, step: int, told: int, moved: bool
) -> None:
    """The estimator may follow a crowd: what it tells counts only where it explains the picture."""
    wall = [frame.image.copy() for frame in footage(step=step).frames()][:2]
    crowd = np.random.default_rng(1).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    for number, image in enumerate(wall):
        image[100:300, 200 - 6 * number : 350 - 6 * number] = crowd

    class Estimator:
        def estimate(self, image: np.ndarray) -> np.ndarray:
            return np.array([[1, 0, -told], [0, 1, 0]], np.float32)

    monkeypatch.setattr(choice, "motion_estimator", lambda width: Estimator())
    found = choice._corners_moved(*wall)
    assert found == (pytest.approx(6 / 600) if moved else 0)


def test_one_frame_of_a_short_video_does_not_say_that_the_camera_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "open_detector", people(0.05))
    still, moving = footage(seconds=3), footage(seconds=3, step=5)

    def jolted() -> Iterator[Frame]:
        first, *_ = moving.frames()
        _, second, *_ = moving.frames()
        for frame in still.frames():
            yield dataclasses.replace(frame, image=first.image if frame.number == 1 else second.image)

    chosen = choose_for(dataclasses.replace(still, num_frames=30, frames=jolted))
    assert "too short" in chosen.why
    assert choose_for(dataclasses.replace(moving, num_frames=30)).moving


def test_a_minute_with_next_to_no_frames_does_not_say_that_the_camera_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "open_detector", people(0.05))
    sparse = dataclasses.replace(footage(seconds=100), frame_rate=1000.0)
    chosen = choose_for(sparse)
    assert (chosen.detector, chosen.moving) == ("person_mobile", False)
    assert "too few frames" in chosen.why


def test_no_more_than_a_minute_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "open_detector", people(0.05))
    looked_at: list[int] = []
    choose_for(footage(seconds=600, looked_at=looked_at))
    assert max(looked_at) <= 602


def test_options_are_resolved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "open_detector", people(0.05))
    options, source = TrackOptions(detector=AUTO), footage(step=5)

    def resolved(options: TrackOptions, before: dict | None = None) -> tuple[str, bool]:
        found = options.resolved(source, before)
        return found.detector, found.moving

    assert resolved(options) == ("person_mobile", True)
    assert options.resolved(footage(), None).confirm, "motion finds more than people"
    assert options.resolved(footage(live=True), None).confirm
    assert TrackOptions(confirm=True).resolved(footage(), {"detector": "motion", "options": {}}).confirm
    assert not options.resolved(source, None).confirm
    for confirm in (True, False):  # as before
        before = {"detector": "motion", "options": {"confirm": True} if confirm else {}}
        assert options.resolved(source, before).confirm == confirm
    assert not TrackOptions(detector="motion").resolved(source, None).confirm, "as it was asked for"
    assert resolved(options, {"detector": "motion", "options": {}}) == ("motion", False)
    assert resolved(options, {"detector": "person_mobile 0123", "options": {"moving": True}}) == (
        "person_mobile",
        True,
    )
    assert resolved(options, {"detector": "yolox_nano 0123"}) == ("person_mobile", True)
    assert resolved(TrackOptions(detector="motion")) == ("motion", False)
    on_cpu = TrackOptions(detector=AUTO, detector_options=DetectorOptions(device="cpu"))
    assert resolved(on_cpu) == ("person_mobile", False), "motion has no such options"
    tracks = tmp_path / "t.txt"
    tracks.write_text("1,1,10,10,20,40,1,-1,-1,-1\n")
    assert resolved(TrackOptions(detector=AUTO, tracks=tracks))[0] == AUTO


def test_real_streets(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = shared / "video" / "tud" / "TUD-Campus" / "TUD-Campus.mp4"
    tracked = list(write_tracks(video, tmp_path, TrackOptions(detector=AUTO), show=True))
    assert "detector person_mobile" in capsys.readouterr().err
    assert {record.detector for _, record in tracked} == {"person_mobile"}
    assert 4 <= len(tracked) <= 12
