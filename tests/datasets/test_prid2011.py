import json
import shutil
from pathlib import Path

import pytest

from stca.datasets import load_dataset, prid2011
from stca.datasets.counts import PUBLISHED, count
from stca.errors import ConfigError, DatasetError


def make(root: Path, touch, persons: dict[int, int]) -> Path:
    """Persons (number: frames) under both cameras."""
    for camera in ("cam_a", "cam_b"):
        for person, frames in persons.items():
            folder = root / "multi_shot" / camera / f"person_{person:04d}"
            touch(folder, *(f"{k:04d}.png" for k in range(1, frames + 1)))
    return root


@pytest.fixture
def root(touch, tmp_path: Path) -> Path:
    root = make(tmp_path / "prid_2011", touch, {1: 25, 2: 21, 3: 30, 200: 22, 201: 40, 4: 50})
    splits = [
        {"train": ["person_0003"], "test": ["person_0001"]},
        {"train": ["person_0001"], "test": ["person_0003"]},
    ]
    (root / "splits_prid2011.json").write_text(json.dumps(splits))
    return root


def test_splits_by_name(root: Path) -> None:
    splits = prid2011.load(root)
    assert [(t.person_id, t.camera_id, len(t)) for t in splits.train] == [(3, 1, 30), (3, 2, 30)]
    assert [(t.person_id, t.camera_id, t.key) for t in splits.query] == [(1, 1, "cam_a/person_0001")]
    assert [(t.person_id, t.camera_id, t.key) for t in splits.gallery] == [(1, 2, "cam_b/person_0001")]
    assert splits.protocols == ("prid2011",)
    assert prid2011.load(root, split=1).query[0].person_id == 3
    with pytest.raises(ConfigError, match=r"(?s)no split 2.*0 to 1"):
        prid2011.load(root, split=2)


def test_published_splits(touch, shared: Path, tmp_path: Path) -> None:
    path = shared / "protocols/prid2011/splits_prid2011.json"
    official = json.loads(path.read_text())
    root = make(tmp_path / "r", touch, dict.fromkeys(range(1, 201), 1))
    for split in (0, 9):
        splits = load_dataset("prid2011", root, split=split, splits_file=path)
        assert {t.frames[0].parent.name for t in splits.query} == set(official[split]["test"])
        assert count(splits).flat() == count(splits).flat() | PUBLISHED["prid2011"].flat()


def test_splits_by_seed(root: Path) -> None:
    """Persons 2 (too short) and 201 (another person in each camera) are not among them."""
    persons = {1, 3, 4, 200}
    tests = set()
    for split in range(10):
        splits = prid2011.load(root, split=split, seed=3)
        assert splits == prid2011.load(root, split=split, seed=3)
        learnt, asked = ({t.person_id for t in part} for part in (splits.train, splits.query))
        assert learnt | asked == persons
        assert len(asked) == 2
        tests.add(frozenset(asked))
    assert len(tests) > 1
    assert {t.person_id for t in prid2011.load(root, seed=3, min_frames=21).train} <= {*persons, 2}
    with pytest.raises(ConfigError, match="no split 10"):
        prid2011.load(root, split=10, seed=3)
    with pytest.raises(ConfigError, match="a file or from a seed"):
        prid2011.load(root, seed=3, splits_file="x.json")


@pytest.mark.parametrize("text", ["", "[", "{}", '[{"train": ["person_0001"]}]', "[3]"])
def test_wrong_split_file(root: Path, text: str) -> None:
    (root / "splits_prid2011.json").write_text(text)
    with pytest.raises(DatasetError, match="cannot read the splits"):
        prid2011.load(root)


def test_missing_split_file(root: Path) -> None:
    (root / "splits_prid2011.json").unlink()
    with pytest.raises(
        DatasetError, match=r"(?s)cannot read the splits.*splits_file=, or make splits by seed="
    ):
        prid2011.load(root)


def test_split_and_folders_disagree(root: Path) -> None:
    shutil.rmtree(root / "multi_shot/cam_b/person_0003")
    with pytest.raises(DatasetError, match="1 without, the first is person_0003"):
        prid2011.load(root)
    (root / "splits_prid2011.json").write_text('[{"train": ["person_0001"], "test": ["person_0001"]}]')
    with pytest.raises(DatasetError, match="names persons twice"):
        prid2011.load(root)


def test_wrong_roots(root: Path) -> None:
    for wrong in (root.parent, root / "multi_shot", root / "multi_shot/cam_a"):
        with pytest.raises(DatasetError, match=f"this folder has them: {root}"):
            prid2011.load(wrong)
