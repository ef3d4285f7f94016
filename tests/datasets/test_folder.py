import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.datasets import folder, load_dataset, merge_splits
from stca.datasets.layout import natural_key
from stca.errors import ConfigError, DatasetError
from stca.tracklets import Splits, Tracklet


@pytest.fixture
def root(touch, tmp_path: Path) -> Path:
    touch(tmp_path / "r/anna b/front door/monday 2", "10.jpg", "9.JPG")
    touch(tmp_path / "r/anna b/front door/monday 10", "a.png")
    touch(tmp_path / "r/anna b/cam 2/x", "1.jpg")
    touch(tmp_path / "r/person10/cam 2/x", "1.jpg", "2.jpg")
    touch(tmp_path / "r/person9/cam 10/x", "1.jpg", "notes.txt", ".hidden.jpg")
    touch(tmp_path / "r/person9/cam 10/empty")
    touch(tmp_path / "r/.git/objects/aa", "1.jpg")
    touch(tmp_path / "r", "README.md")
    return tmp_path / "r"


def test_names_are_sorted_naturally_and_numbered(root: Path) -> None:
    splits = folder.load(root)
    assert [(t.key, t.person_id, t.camera_id, [f.name for f in t.frames]) for t in splits.train] == [
        ("anna b/cam 2/x", 1, 1, ["1.jpg"]),
        ("anna b/front door/monday 2", 1, 3, ["9.JPG", "10.jpg"]),
        ("anna b/front door/monday 10", 1, 3, ["a.png"]),
        ("person9/cam 10/x", 2, 2, ["1.jpg"]),
        ("person10/cam 2/x", 3, 1, ["1.jpg", "2.jpg"]),
    ]
    assert splits.query == splits.gallery == splits.train
    assert splits.protocols == ("cross-camera",)
    assert splits.notes == {
        "files that are no images, ignored": 2,
        "tracklet folders without images, skipped": 1,
        "persons with one tracklet": 2,
    }


def test_order_of_the_file_system_does_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = folder.load(root)
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: Path) -> None:
            with scandir(path) as entries:
                self.entries = list(entries)
            random.Random(str(path)).shuffle(self.entries)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert folder.load(root) == expected


def test_three_parts_share_their_numbers(touch, tmp_path: Path) -> None:
    touch(tmp_path / "train/bo/c1/t", "1.jpg")
    touch(tmp_path / "query/al/c2/t", "1.jpg")
    touch(tmp_path / "gallery/al/c1/t", "1.jpg")
    splits = folder.load(tmp_path)
    assert [(t.key, t.person_id, t.camera_id) for t in splits.train] == [("train/bo/c1/t", 2, 1)]
    assert [(t.key, t.person_id, t.camera_id) for t in splits.query] == [("query/al/c2/t", 1, 2)]
    assert [(t.key, t.person_id, t.camera_id) for t in splits.gallery] == [("gallery/al/c1/t", 1, 1)]


def test_train_and_test(touch, tmp_path: Path) -> None:
    touch(tmp_path / "train/bo/c1/t", "1.jpg")
    touch(tmp_path / "test/al/c2/t", "1.jpg")
    touch(tmp_path / "test/al/c1/t", "1.jpg")
    splits = folder.load(tmp_path)
    assert len(splits.train) == 1
    assert splits.query == splits.gallery
    assert [t.key for t in splits.query] == ["test/al/c1/t", "test/al/c2/t"]


def test_one_camera_is_scored_by_track(touch, tmp_path: Path) -> None:
    touch(tmp_path / "al/c1/t1", "1.jpg")
    touch(tmp_path / "al/c1/t2", "1.jpg")
    assert folder.load(tmp_path).protocols == ("same-track",)


def test_empty_root_shows_the_layout(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no tracklet found") as caught:
        folder.load(tmp_path)
    assert "anna/" in str(caught.value)
    assert "check the path" in str(caught.value)


def test_root_too_high_and_too_deep(touch, tmp_path: Path) -> None:
    touch(tmp_path / "data/al/c1/t1", "1.jpg")
    with pytest.raises(DatasetError, match="5 levels below this root, not 4: give a folder further down"):
        folder.load(tmp_path)
    with pytest.raises(DatasetError, match=rf"3 levels below .* give {tmp_path}/data if"):
        folder.load(tmp_path / "data/al")
    with pytest.raises(DatasetError, match=rf"1 levels below .* give {tmp_path}/data if"):
        folder.load(tmp_path / "data/al/c1/t1")


def test_images_at_the_wrong_level_are_counted(touch, root: Path) -> None:
    touch(root / "person9/cam 10", "stray.jpg")
    assert folder.load(root).notes["images outside of a tracklet folder, ignored"] == 1


@given(st.lists(st.text(alphabet="ab019 ²", max_size=5), unique=True))
def test_natural_key_is_a_total_order(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    backwards = names[::-1]
    backwards.sort(key=natural_key)
    assert ordered == backwards


def test_unknown_source_and_options(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)duke_video, folder.*mars.*walkers.*folder$"):
        load_dataset("foldr", root)
    with pytest.raises(ConfigError, match="tracklet_length") as caught:
        load_dataset("mot", root, tracklet_length=3)
    assert "tracklet_len" in str(caught.value.expected)
    assert "tracklet_len" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="no root"):
        load_dataset("folder", [])
    with pytest.raises(ConfigError, match="has no split 2"):
        load_dataset("folder", root, split=2)


def test_loader_by_its_import_path(root: Path) -> None:
    assert load_dataset("stca.datasets.folder:load", str(root)) == load_dataset("folder", root)


def test_several_roots(root: Path) -> None:
    one, two = load_dataset("folder", root), load_dataset("folder", [root, str(root)])
    assert len(two.train) == 2 * len(one.train)
    assert {t.person_id for t in two.train} == {1, 2, 3, 4, 5, 6}
    assert len({t.camera_id for t in two.train}) == 6
    assert {what: 2 * number for what, number in one.notes.items()} == two.notes
    assert two.query == two.gallery == two.train


ids = st.tuples(st.integers(-1, 5), st.integers(0, 6))


@given(st.lists(st.lists(ids, max_size=6), min_size=1, max_size=4))
def test_merging_keeps_who_is_who(parts: list[list[tuple[int, int]]]) -> None:
    """Two tracklets share a person (or camera) after merging exactly if they did, and came from one part."""
    splits = []
    for rows in parts:
        tracklets = tuple(Tracklet((Path("x.jpg"),), p, c, str(n)) for n, (p, c) in enumerate(rows))
        splits.append(Splits("s", tracklets, tracklets, ()))
    merged = merge_splits(splits)
    origin = [(number, p, c) for number, rows in enumerate(parts) for p, c in rows]
    assert len(origin) == len(merged.train)
    for (n1, p1, c1), t1 in zip(origin, merged.train, strict=True):
        for (n2, p2, c2), t2 in zip(origin, merged.train, strict=True):
            assert (t1.camera_id == t2.camera_id) == ((n1, c1) == (n2, c2))
            same = p1 == p2 if p1 <= 0 or p2 <= 0 else (n1, p1) == (n2, p2)
            assert (t1.person_id == t2.person_id) == same


def test_merging_one_changes_nothing(root: Path) -> None:
    splits = folder.load(root)
    assert merge_splits([splits]) is splits
    renamed = replace(splits, name="other", protocols=("same-track",))
    assert merge_splits([splits, renamed]).name == "folder+other"
    assert merge_splits([splits, renamed]).protocols == ("cross-camera", "same-track")
