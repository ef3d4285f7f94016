"""What motion finds is kept where the network in the package sees a person."""

import json
from pathlib import Path

import numpy as np
import pytest
from experiments.tracking.score_tracks import score

from made_videos import write_video
from stca.boxes import read_mot
from stca.footage.images import write_jpeg
from stca.tracking import Detections, TrackOptions, confirmation, write_tracks
from stca.tracking.camera_folder.recorded import has_unconfirmed_motion
from stca.tracking.confirmation import LOOKS, Confirmation
from stca.tracks import find_tracklets
from stca.walkers import make_scene
from street import finish

pytest.importorskip("onnxruntime", reason="the network is an ONNX file")


def crops(folder: Path, count: int) -> list[Path]:
    for number in range(count):
        write_jpeg(folder / f"{number:03d}.jpg", np.full((60, 30, 3), number, np.uint8))
    return sorted(folder.glob("*.jpg"))


class Sees:
    """A detector that sees somebody in these crops, told by their colour, where they are cut."""

    def __init__(
        self, numbers: set[int], box: tuple[float, ...] = (42, 21, 72, 81), score: float = 0.9
    ) -> None:
        self.numbers, self.box, self.score, self.looks = numbers, box, score, 0

    def detect(self, image: np.ndarray) -> Detections:
        assert image.shape == (60 + 2 * 21, 30 + 4 * 21, 3)
        self.looks += 1
        there = int(round(float(image.mean())) in self.numbers)
        return Detections(
            np.array([self.box] * there, np.float32).reshape(-1, 4), np.full(there, self.score, np.float32)
        )


@pytest.mark.parametrize("count", [1, 2, 3, 5, 40])
def test_one_crop_with_a_person_is_enough(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = crops(tmp_path, count)
    looked_at = set()
    for number in range(count):
        sees = Sees({number})
        monkeypatch.setattr(confirmation, "open_detector", lambda name, sees=sees: sees)
        if Confirmation().is_person(files):
            looked_at.add(number)
    assert len(looked_at) == min(count, LOOKS)
    assert count // 2 in looked_at
    middle = Sees({count // 2})
    monkeypatch.setattr(confirmation, "open_detector", lambda name: middle)
    assert Confirmation().is_person(files)
    assert middle.looks == 1, "no further look is needed"


@pytest.mark.parametrize(
    ("box", "score", "person"),
    [
        ((42, 21, 72, 81), 0.1, False),
        ((0, 0, 40, 102), 0.9, False),
        ((0, 0, 45, 102), 0.9, False),
        ((42, 21, 52, 81), 0.9, True),
    ],
    ids=["unsure", "in the margin", "a tenth of it", "a third of it"],
)
def test_the_person_is_in_the_crop(
    box: tuple, score: float, person: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "open_detector", lambda name: Sees({0}, box, score))
    assert Confirmation().is_person(crops(tmp_path, 1)) == person


def test_people_are_confirmed_and_what_else_moves_is_not(tmp_path: Path) -> None:
    """A rendered scene, across which a box moves as a car would."""
    for needed in ("av", "trackers", "trackeval"):
        pytest.importorskip(needed)
    from stca.footage.video import read_video

    scene = make_scene(tmp_path / "scene", cameras=1, persons=2, seconds=7, seed=3)
    (video,) = scene.glob("*/*.mp4")
    frames = []
    for number, frame in enumerate(read_video(video)):
        frame = frame.copy()
        left = 40 + 4 * (number % 120)
        frame[60:130, left : left + 40] = (200, 60, 20)
        frames.append(frame)
    write_video(tmp_path / "yard.mp4", frames, rate=10)
    found = {}
    for confirm in (False, True):
        out = tmp_path / str(confirm)
        finish(write_tracks(tmp_path / "yard.mp4", out, TrackOptions(detector="motion", confirm=confirm)))
        assert has_unconfirmed_motion(out) == (not confirm)
        found[confirm] = find_tracklets(out)
    told = json.loads((tmp_path / "True" / "yard" / "video.json").read_text())
    assert (told["detector"], told["options"]["confirm"]) == ("motion", True)
    assert 1 <= len(found[True]) < len(found[False])
    truth = read_mot(next(scene.glob("*/gt/gt.txt"))).rows
    scores = {
        confirm: score(truth, read_mot(tmp_path / str(confirm) / "yard" / "tracks.txt").rows, len(frames))
        for confirm in found
    }
    assert scores[True].false_positives < scores[False].false_positives
    assert scores[True].misses <= 1.05 * scores[False].misses, "people stay"
    again = TrackOptions(detector="auto")
    assert finish(write_tracks(tmp_path / "yard.mp4", tmp_path / "True", again)).seconds == 0
