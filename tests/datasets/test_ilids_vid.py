import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from stca.datasets import ilids_vid, load_dataset
from stca.datasets.counts import PUBLISHED, count
from stca.errors import ConfigError, DatasetError

PERSONS = ("person001", "person002", "person005", "person319")
LS_SET = [[3, 1, 2, 4]] + [[1, 2, 3, 4]] * 9


def make(root: Path, touch, *, persons: tuple[str, ...], ls_set: object) -> Path:
    for camera in ("cam1", "cam2"):
        for person in persons:
            folder = root / "i-LIDS-VID/sequences" / camera / person
            touch(folder, *(f"{camera}_{person}_{frame:05d}.png" for frame in (104, 97)))
    splits = root / "train-test people splits/train_test_splits_ilidsvid.mat"
    splits.parent.mkdir()
    savemat(splits, {"ls_set": np.array(ls_set)})
    return root


@pytest.fixture
def root(touch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ilids_vid, "_NUM_PERSONS", 4)
    return make(tmp_path / "ilids", touch, persons=PERSONS, ls_set=LS_SET)


def test_first_half_of_a_row_is_the_test_half(root: Path) -> None:
    splits = ilids_vid.load(root)
    assert [(t.person_id, t.camera_id, t.key) for t in splits.train] == [
        (2, 1, "cam1/person002"),
        (2, 2, "cam2/person002"),
        (319, 1, "cam1/person319"),
        (319, 2, "cam2/person319"),
    ]
    assert [(t.person_id, t.camera_id) for t in splits.query] == [(1, 1), (5, 1)]
    assert [(t.person_id, t.camera_id) for t in splits.gallery] == [(1, 2), (5, 2)]
    assert [f.name for f in splits.query[0].frames] == [
        "cam1_person001_00097.png",
        "cam1_person001_00104.png",
    ]
    assert splits.protocols == ("ilids-vid",)
    assert count(splits).unanswered == {"ilids-vid": 0}
    other = load_dataset("ilids_vid", root, split=1)
    assert {t.person_id for t in other.query} == {1, 2}


def test_published_split(touch, shared: Path, tmp_path: Path) -> None:
    """The first official split, as others wrote it down by name."""
    text = (shared / "protocols/ilidsvid/splits_split0_only.json").read_text()
    people = json.loads(text)[0]
    persons = tuple(sorted(people["train"] + people["test"]))
    row = [persons.index(name) + 1 for name in people["test"] + people["train"]]
    splits = ilids_vid.load(make(tmp_path / "r", touch, persons=persons, ls_set=[row] * 10))
    assert {t.frames[0].parent.name for t in splits.train} == set(people["train"])
    assert {t.frames[0].parent.name for t in splits.query} == set(people["test"])
    assert count(splits).flat() == count(splits).flat() | PUBLISHED["ilids_vid"].flat()


@pytest.mark.parametrize("split", [-1, 10])
def test_no_such_split(root: Path, split: int) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)no split {split}.*0 to 9"):
        ilids_vid.load(root, split=split)


@pytest.mark.parametrize("row", [[1, 2, 2, 4], [0, 1, 2, 3]])
def test_splits_that_do_not_fit(root: Path, row: list[int]) -> None:
    path = root / "train-test people splits/train_test_splits_ilidsvid.mat"
    savemat(path, {"ls_set": np.array([row] * 10)})
    with pytest.raises(DatasetError, match=r"(?s)do not fit the folders.*each of 1 to 4 once"):
        ilids_vid.load(root)


@pytest.mark.parametrize("shape", [(7, 300), (11, 300), (10, 299), (300, 10)])
def test_another_number_of_splits_or_persons(touch, tmp_path: Path, shape: tuple[int, int]) -> None:
    ls_set = np.tile(np.arange(1, shape[1] + 1), (shape[0], 1))
    root = make(tmp_path, touch, persons=PERSONS, ls_set=ls_set)
    with pytest.raises(DatasetError, match=rf"(?s)10 splits x 300 persons.*{shape[0]} x {shape[1]}"):
        ilids_vid.load(root)


def test_damaged_mat(root: Path) -> None:
    path = root / "train-test people splits/train_test_splits_ilidsvid.mat"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match="MATLAB file"):
        ilids_vid.load(root)


def test_persons_of_one_camera_only(touch, root: Path) -> None:
    touch(root / "i-LIDS-VID/sequences/cam2/person007", "1.png")
    with pytest.raises(DatasetError, match=r"(?s)different persons.*person007"):
        ilids_vid.load(root)


def test_an_empty_person(root: Path) -> None:
    for image in (root / "i-LIDS-VID/sequences/cam2/person005").iterdir():
        image.unlink()
    with pytest.raises(DatasetError, match="has no images"):
        ilids_vid.load(root)


def test_wrong_roots(root: Path) -> None:
    for wrong in (root.parent, root / "i-LIDS-VID"):
        with pytest.raises(DatasetError, match=f"this folder has them: {root}"):
            ilids_vid.load(wrong)
