from pathlib import Path

import pytest

from stca.datasets import duke_video, load_dataset
from stca.datasets.counts import count
from stca.errors import ConfigError, DatasetError


@pytest.fixture
def root(touch, tmp_path: Path) -> Path:
    root = tmp_path / "DukeMTMC-VideoReID"
    touch(root / "train/0001/0003", "0001_C6_F0002_X30835.jpg", "0001_C6_F0001_X30823.jpg")
    touch(root / "train/0001/0010", "0001C2F0001X00005.jpg")
    touch(root / "query/0002/0001", "0002_C1_F0001_X00005.jpg", "readme.txt")
    touch(root / "gallery/0002/0002", "0002_C8_F0001_X00005.jpg")
    touch(root / "gallery/0007/0001", *(f"0007_C3_F{k:04d}_D0000{k}.jpg" for k in (10000, 9999)))
    touch(root / "gallery/0007/0002")
    return root


def test_both_styles_of_names(root: Path) -> None:
    splits = load_dataset("duke_video", root)
    assert [(t.key, t.person_id, t.camera_id, [f.name for f in t.frames]) for t in splits.train] == [
        ("train/0001/0003", 1, 6, ["0001_C6_F0001_X30823.jpg", "0001_C6_F0002_X30835.jpg"]),
        ("train/0001/0010", 1, 2, ["0001C2F0001X00005.jpg"]),
    ]
    assert [(t.person_id, t.camera_id) for t in splits.query] == [(2, 1)]
    assert [(t.person_id, t.camera_id, len(t)) for t in splits.gallery] == [(2, 8, 1), (7, 3, 2)]
    assert splits.gallery[1].frames[0].name.startswith("0007_C3_F9999_")
    assert splits.protocols == ("duke",)
    assert splits.notes == {
        "files that are no images, ignored": 1,
        "tracklet folders without images, skipped": 1,
        "distractors in the gallery": 1,
    }
    assert count(splits).unanswered == {"duke": 0}


def test_a_camera_that_does_not_parse(touch, root: Path) -> None:
    touch(root / "train/0001/0003", "0001_Cx_F0003_X1.jpg")
    with pytest.raises(DatasetError, match="says no camera") as caught:
        duke_video.load(root)
    assert caught.value.found == "0001_Cx_F0003_X1.jpg"


def test_two_cameras_in_a_tracklet(touch, root: Path) -> None:
    touch(root / "train/0001/0003", "0001_C5_F0003_X1.jpg")
    with pytest.raises(DatasetError, match=r"(?s)two cameras.*\[5, 6\]"):
        duke_video.load(root)


def test_wrong_roots(touch, root: Path) -> None:
    for wrong in (root.parent, root / "train"):
        with pytest.raises(DatasetError, match=f"this folder has them: {root}"):
            duke_video.load(wrong)
    touch(root / "train/somebody/0001", "x.jpg")
    with pytest.raises(DatasetError, match="folder is no number"):
        duke_video.load(root)
    with pytest.raises(ConfigError, match="no split 1"):
        duke_video.load(root, split=1)


def test_an_empty_part(touch, root: Path) -> None:
    (root / "query/0002/0001/0002_C1_F0001_X00005.jpg").unlink()
    with pytest.raises(DatasetError, match="has no tracklet") as caught:
        duke_video.load(root)
    assert caught.value.where == root / "query"
