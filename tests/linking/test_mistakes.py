"""Every kind of mistake, told from tracks whose people are known."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from stca.boxes import MotRow
from stca.gallery import Record
from stca.linking.linking import Linking
from stca.linking.mistakes import find_mistakes
from stca.tracks import FrameRecord, TrackRecord, write_track

Walk = tuple[str, int, Sequence[tuple[int, float]]]


def tracklet(root: Path, camera: str, number: int, boxes: Sequence[tuple[int, float]]) -> Record:
    """Boxes of 20 by 40 pixels: (frame, left)."""
    frames = tuple(
        FrameRecord(frame, frame / 10, (left, 10.0, 20.0, 40.0), 0.5, f"{frame}.jpg", {}, True)
        for frame, left in boxes
    )
    track = TrackRecord(camera, number, f"{camera}.mp4", 10.0, None, "test", None, frames)
    folder = root / camera / f"{number:04d}"
    folder.mkdir(parents=True)
    write_track(folder, track)
    return Record(
        f"{camera}/{number:04d}", camera, track.first, track.last, folder=folder, frames=len(frames)
    )


def stay(first: int, last: int, left: float) -> list[tuple[int, float]]:
    return [(frame, left) for frame in range(first, last + 1)]


def truth_rows(person: int, boxes: Sequence[tuple[int, float]], confidence: float = 1.0) -> list[MotRow]:
    return [MotRow(frame, person, left, 10.0, 20.0, 40.0, confidence=confidence) for frame, left in boxes]


TRUTH = {
    "cam1": [
        *truth_rows(5, stay(1, 20, 0)),
        *truth_rows(7, stay(1, 20, 100)),
        *truth_rows(9, stay(30, 40, 0)),
    ],
    "cam2": [
        *truth_rows(5, stay(1, 10, 50)),
        *truth_rows(7, stay(11, 20, 50)),
        *truth_rows(8, stay(1, 20, 300), confidence=0),
    ],
}


def test_a_right_linking_has_none(tmp_path: Path) -> None:
    five = (tracklet(tmp_path, "cam1", 1, stay(1, 20, 3)), tracklet(tmp_path, "cam2", 1, stay(1, 10, 52)))
    seven = (tracklet(tmp_path, "cam1", 2, stay(1, 20, 97)), tracklet(tmp_path, "cam2", 2, stay(11, 20, 50)))
    nine = (tracklet(tmp_path, "cam1", 3, stay(30, 40, 0)),)
    found = find_mistakes(Linking((five, seven, nine), 0.5), TRUTH)
    assert (found.merged, found.split, found.mixed, found.nobody, found.missed) == ({}, {}, {}, [], [])
    assert str(found) == "wrong merges: 0\npeople with several numbers: 0"


def test_a_merge_a_split_somebody_missed_and_a_bush(tmp_path: Path) -> None:
    wrong = (tracklet(tmp_path, "cam1", 1, stay(1, 20, 0)), tracklet(tmp_path, "cam2", 2, stay(11, 20, 50)))
    left = (tracklet(tmp_path, "cam2", 1, stay(1, 10, 50)),)
    bush = (tracklet(tmp_path, "cam1", 2, stay(1, 20, 400)),)
    ignored = (tracklet(tmp_path, "cam2", 3, stay(1, 20, 300)),)
    found = find_mistakes(Linking((wrong, left, bush, ignored), 0.5), TRUTH)
    assert found.merged == {1: {5: ["cam1/0001"], 7: ["cam2/0002"]}}
    assert found.split == {5: {1: ["cam1/0001"], 2: ["cam2/0001"]}}
    assert found.nobody == ["cam1/0002", "cam2/0003"]
    assert found.missed == [9]
    said = str(found)
    assert "person 1 is 5 (cam1/0001); 7 (cam2/0002)" in said
    assert "true person 5 is 1 (cam1/0001); 2 (cam2/0001)" in said
    assert "people without a tracklet: 9" in said


@pytest.mark.parametrize(("other", "mixed"), [(2, False), (5, True)])
def test_a_tracklet_that_goes_on_with_somebody_else(tmp_path: Path, other: int, mixed: bool) -> None:
    boxes = [*stay(1, 10, 50), *stay(11, 10 + other, 50)]  # 5, then 7
    found = find_mistakes(Linking(((tracklet(tmp_path, "cam2", 1, boxes),),), 0.5), TRUTH)
    assert set(found.mixed) == ({"cam2/0001"} if mixed else set())
    if mixed:
        assert found.mixed["cam2/0001"] == pytest.approx({5: 10 / 15, 7: 5 / 15})
        assert "cam2/0001: 5 (67%), 7 (33%)" in str(found)
    assert found.missed == [7, 9], "a tracklet is of whom it holds most"


def test_half_of_the_boxes_must_be_of_somebody(tmp_path: Path) -> None:
    one = tracklet(tmp_path, "cam1", 1, stay(11, 30, 100))  # 10 of 20 boxes are of person 7
    assert find_mistakes(Linking(((one,),), 0.5), TRUTH).nobody == []
    longer = tracklet(tmp_path, "cam1", 2, stay(11, 31, 100))
    assert find_mistakes(Linking(((longer,),), 0.5), TRUTH).nobody == ["cam1/0002"]
