"""The detection network in the package."""

from pathlib import Path

import numpy as np
import pytest

from stca.errors import CheckpointError, ConfigError
from stca.footage.sources import Source
from stca.footage.video import read_video
from stca.linking.scores import corners
from stca.tracking import default_detector, open_detector
from stca.tracking.detectors import detect
from stca.tracking.detectors.detect import AUTO, PACKAGED, default_network, detector_file
from stca.tracking.options import TrackOptions, settings

pytest.importorskip("onnxruntime", reason="it is an ONNX file")


def test_it_is_small_and_looks_at_single_pictures_by_default() -> None:
    file = detector_file(PACKAGED)
    assert file is not None
    assert file.stat().st_size <= 5_000_000
    assert (default_detector(), default_network()) == (AUTO, PACKAGED)
    detector = open_detector(PACKAGED)
    assert detector.name == file.name
    assert not detector.stateful


def test_stray_files_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = detector_file(PACKAGED)
    monkeypatch.chdir(tmp_path)
    (tmp_path / PACKAGED).write_bytes(b"x")
    (tmp_path / "motion").write_bytes(b"x")
    assert detector_file(PACKAGED) == expected
    video = Source("a", "a", 25.0, None, False, (), lambda: iter(()))
    assert settings(video, TrackOptions(detector="motion"))["detector"] == "motion"


@pytest.mark.parametrize("content", [None, b"", b"\x08\x09half"])
def test_a_broken_installation_is_said(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"{PACKAGED}.onnx"
    monkeypatch.setattr(detect, "_PACKAGED_FILE", file)
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CheckpointError, match="install the package again"):
        open_detector(PACKAGED)


@pytest.mark.parametrize(
    "name", ["os:system", "builtins:dict", "builtins:type", "stca.tracking:default_detector", "sys:exit"]
)
def test_what_is_no_detector_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match=r"gives no detector|cannot be made"):
        open_detector(name)


def test_nobody_is_in_plain_pictures_and_in_noise() -> None:
    detector = open_detector(PACKAGED)
    assert not detector.stateful
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for image in (np.zeros((480, 640, 3), np.uint8), np.full((640, 360, 3), 200, np.uint8), noise):
        found = detector.detect(image)
        assert not (found.scores >= 0.5).any()


def test_people_of_a_rendered_scene_are_found(tmp_path: Path) -> None:
    from stca.boxes import read_mot
    from stca.boxes.geometry import overlaps
    from stca.walkers.making_scene import make_scene

    scene = make_scene(tmp_path / "scene", cameras=1, persons=6, seconds=4, seed=5, workers=1)
    truth = read_mot(scene / "cam1" / "gt" / "gt.txt").rows
    detector = open_detector(PACKAGED)
    found = people = 0
    for number, frame in enumerate(read_video(scene / "cam1" / "cam1.mp4"), start=1):
        rows = [row for row in truth if row.frame == number and row.visibility > 0.7]
        if number % 5 or not rows:
            continue
        boxes = corners(rows).astype(np.float32)
        answer = detector.detect(frame)
        sure = answer.boxes[answer.scores >= 0.4]
        people += len(boxes)
        found += int((overlaps(boxes, sure).max(axis=1) >= 0.5).sum()) if len(sure) else 0
    assert people >= 5
    assert found >= 0.8 * people


def test_people_of_a_real_street_are_found(shared: Path) -> None:
    from stca.boxes import read_mot
    from stca.boxes.geometry import overlaps

    folder = shared / "video" / "tud" / "TUD-Stadtmitte"
    truth = read_mot(folder / "gt.txt").rows
    detector = open_detector(PACKAGED)
    found = people = false = 0
    for number, frame in enumerate(read_video(folder / "TUD-Stadtmitte.mp4"), start=1):
        if number % 30:
            continue
        rows = [row for row in truth if row.frame == number]
        boxes = corners(rows).astype(np.float32)
        answer = detector.detect(frame)
        sure = answer.boxes[answer.scores >= 0.5]
        same = overlaps(boxes, sure) >= 0.5
        people, found = people + len(boxes), found + int(same.any(axis=1).sum())
        false += int((~same.any(axis=0)).sum())
    assert found >= 0.6 * people
    assert false <= 0.2 * people
