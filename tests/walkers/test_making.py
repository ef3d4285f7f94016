"""The folders, lists and tables that `make_walkers` writes, and what happens when it cannot."""

import dataclasses
import errno
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, whosmat

from stca.datasets import load_dataset
from stca.errors import ConfigError, DatasetError
from stca.footage.images import read_image
from stca.walkers import Nuisances, make_walkers, making, plan

SMALL = {"train_persons": 2, "test_persons": 3, "cameras": 3, "frames": (2, 4), "size": (48, 24)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_walkers(
        tmp_path_factory.mktemp("data") / "walkers", **SMALL, seed=5, distractors=3, junk=2, workers=1
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_lists_tables_and_files_agree(root: Path) -> None:
    for part, label in (("bbox_train", "train"), ("bbox_test", "test")):
        names = (root / "info" / f"{label}_name.txt").read_text().splitlines()
        assert names == sorted(names)
        assert {p.name for p in (root / part).rglob("*.jpg")} == set(names)
        assert all((root / part / name[:4] / name).is_file() for name in names)
        table = loadmat(root / "info" / f"tracks_{label}_info.mat")[f"track_{label}_info"]
        expected_first = 1
        for first, last, person, camera in table:
            assert first == expected_first
            tracklet = names[first - 1 : last]
            assert 2 <= len(tracklet) <= 4
            parsed = [re.fullmatch(r"(00-1|\d{4})C(\d)T(\d{4})F(\d{3})\.jpg", name) for name in tracklet]
            assert {int(m[1]) if m[1] != "00-1" else -1 for m in parsed if m} == {person}
            assert {int(m[2]) for m in parsed if m} == {camera}
            assert len({m[3] for m in parsed if m}) == 1
            assert [int(m[4]) for m in parsed if m] == list(range(1, len(tracklet) + 1))
            expected_first = last + 1
        assert expected_first == len(names) + 1


def test_tables_look_like_those_of_mars(root: Path, shared: Path) -> None:
    for name in ("tracks_train_info", "tracks_test_info", "query_IDX"):
        ours, theirs = root / "info" / f"{name}.mat", shared / "protocols" / "mars" / f"{name}.mat"
        (variable, shape, _), (their_variable, their_shape, _) = whosmat(ours)[0], whosmat(theirs)[0]
        assert variable == their_variable
        assert len(shape) == len(their_shape)
        assert (shape[0] == 1) == (their_shape[0] == 1)
        assert np.issubdtype(loadmat(ours)[variable].dtype, np.integer)


def test_one_query_per_person_and_camera(root: Path) -> None:
    table = loadmat(root / "info" / "tracks_test_info.mat")["track_test_info"]
    queries = table[loadmat(root / "info" / "query_IDX.mat")["query_IDX"][0].astype(int) - 1]
    asked = Counter(map(tuple, queries[:, 2:]))
    assert set(asked.values()) == {1}
    assert set(asked) == {(p, c) for _, _, p, c in table if p > 0}
    cameras_of = Counter(person for person, _ in asked)
    assert set(cameras_of) == {3, 4, 5}
    assert min(cameras_of.values()) >= 2
    assert (table[:, 2] == 0).sum() == 3
    assert (table[:, 2] == -1).sum() == 2


def test_it_loads_and_its_crops_have_the_size_asked_for(root: Path) -> None:
    splits = load_dataset("walkers", root)
    assert {t.person_id for t in splits.train} == {1, 2}
    assert {t.person_id for t in splits.query} == {3, 4, 5}
    for tracklet in (*splits.train, *splits.gallery):
        for frame in tracklet.frames:
            image = read_image(frame)
            assert image.shape == (48, 24, 3)
            assert image.std() > 5


def test_any_number_of_workers_makes_the_same_files(root: Path, tmp_path: Path) -> None:
    again = make_walkers(tmp_path / "again", **SMALL, seed=5, distractors=3, junk=2, workers=2)
    assert files(again) == files(root)


def test_another_seed_makes_other_pictures(root: Path, tmp_path: Path) -> None:
    other = make_walkers(tmp_path / "other", **SMALL, seed=6, distractors=3, junk=2, workers=1)
    mine, theirs = files(root), files(other)
    assert not {k for k in mine.keys() & theirs.keys() if k.endswith("jpg") and mine[k] == theirs[k]}


def test_the_same_settings_are_reused_and_others_refused(root: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert make_walkers(root, **SMALL, seed=5, distractors=3, junk=2) == root
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before
    with pytest.raises(DatasetError, match=r"seed is 5, asked for 6") as error:
        make_walkers(root, **SMALL, seed=6, distractors=3, junk=2)
    assert str(root) in str(error.value)


def test_the_recipe_makes_it_again(root: Path, tmp_path: Path) -> None:
    recipe = json.loads((root / "walkers.json").read_text())
    for key in ("made_by", "version"):
        del recipe[key]
    for key in ("frames", "size", "tracklets_per_camera"):
        recipe[key] = tuple(recipe[key])
    recipe["nuisances"] = Nuisances(**recipe["nuisances"])
    assert files(make_walkers(tmp_path / "again", **recipe, workers=1)) == files(root)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(DatasetError, match="not made of walkers"):
        make_walkers(tmp_path, **SMALL)
    assert files(tmp_path) == {"photo.jpg": b"precious"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    make_walkers(root, train_persons=1, test_persons=1, cameras=2, frames=(1, 1), size=(32, 32), workers=1)
    assert (root / "walkers.json").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    ("failure", "raised", "message"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, None),
        (OSError(errno.ENOSPC, "No space left on device"), DatasetError, "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), DatasetError, "Permission denied"),
    ],
)
def test_a_failure_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    raised: type[BaseException],
    message: str | None,
) -> None:
    real, calls = making.film_shots, []

    def fails_at_the_third(*args: object) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise failure
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "film_shots", fails_at_the_third)
    with pytest.raises(raised, match=message):
        make_walkers(tmp_path / "walkers", **SMALL, workers=1)
    assert list(tmp_path.iterdir()) == []


def disk_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failure_in_a_worker_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "film_shots", disk_full)
    with pytest.raises(DatasetError, match="disk is full"):
        make_walkers(tmp_path / "walkers", **SMALL, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_half_a_data_set_does_not_count(root: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(root, half)
    (half / "walkers.json").unlink()
    with pytest.raises(DatasetError, match="not made of walkers"):
        make_walkers(half, **SMALL, seed=5, distractors=3, junk=2)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cameras": 1}, "cameras"),
        ({"cameras": 7}, "cameras"),
        ({"train_persons": 0}, "train_persons"),
        ({"test_persons": 5000}, "test_persons"),
        ({"frames": (5, 4)}, "frames"),
        ({"frames": (0, 4)}, "frames"),
        ({"tracklets_per_camera": (0, 1)}, "tracklets_per_camera"),
        ({"size": (8, 64)}, "size"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "workers"),
        ({"junk": -1}, "junk"),
        ({"twins": True, "test_persons": 3}, "pairs"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_walkers(tmp_path / "walkers", **(SMALL | wrong))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_dials_are_zero_or_more(value: float) -> None:
    with pytest.raises(ConfigError, match="blur"):
        Nuisances(blur=value)


def test_the_plan_fills_whole_mars_names() -> None:
    settings = plan.Settings(300, 300, 6, (1, 2), (8, 24), (128, 64), 0, False, 50, 20, Nuisances())
    shots = plan.plan(settings)
    assert len({(s.label, s.camera, s.number) for s in shots}) == len(shots)
    frames = [s.frames for s in shots]
    assert (min(frames), max(frames)) == (8, 24)
    seen_by = Counter()
    for person, _ in {(s.person, s.camera) for s in shots if s.label not in ("0000", "00-1")}:
        seen_by[person] += 1
    assert set(seen_by.values()) == {4, 5, 6}


def test_every_dial_is_in_the_recipe(root: Path) -> None:
    recipe = json.loads((root / "walkers.json").read_text())
    assert recipe["nuisances"] == dataclasses.asdict(Nuisances())
