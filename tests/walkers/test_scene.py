"""Whole scenes: what lies where, that boxes hold people, that hidden is hidden, that nobody is in two places."""

import dataclasses
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from stca.boxes import MotRow, read_mot
from stca.cli.main import main
from stca.datasets import load_dataset
from stca.errors import ConfigError, DatasetError
from stca.footage.video import probe_video, read_video
from stca.walkers import Nuisances, make_scene
from stca.walkers.filming import filming_scene, itineraries
from stca.walkers.filming.renderer import Standing
from stca.walkers.filming.walks import Walk

pytest.importorskip("av")

SMALL = {"cameras": 2, "persons": 3, "seconds": 13, "height": 90, "seed": 3}
FRAMES = 162


def settings(**changes: object) -> itineraries.SceneSettings:
    return itineraries.SceneSettings(**(SMALL | {"nuisances": Nuisances()} | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("scene") / "scene", **SMALL, workers=2)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def rows_of(root: Path, camera: int) -> tuple[MotRow, ...]:
    return read_mot(root / f"cam{camera}" / "gt" / "gt.txt").rows


def test_what_lies_where(root: Path) -> None:
    per_camera = [f"cam{c}/{name}" for c in (1, 2) for name in (f"cam{c}.mp4", "gt/gt.txt", "seqinfo.ini")]
    assert sorted(files(root)) == sorted([*per_camera, "scene.json", "travel.csv"])
    info = probe_video(root / "cam1" / "cam1.mp4")
    assert (info.width, info.height, info.frame_rate, info.num_frames) == (160, 90, 12.5, FRAMES)
    assert sum(1 for _ in read_video(root / "cam1" / "cam1.mp4")) == FRAMES
    assert json.loads((root / "scene.json").read_text())["seed"] == 3


def test_the_mot_loader_reads_it(root: Path) -> None:
    splits = load_dataset("mot", root, min_height=20, min_width=6)
    assert {t.camera_id for t in splits.train} == {1, 2}
    assert len(splits.train) >= 4


def test_any_number_of_workers_makes_the_same_files(root: Path, tmp_path: Path) -> None:
    """But x264 codes a block of the same pictures otherwise, in one of some 1,700 videos."""
    again = make_scene(tmp_path / "again", **SMALL, workers=1)
    mine, theirs = files(root), files(again)
    assert mine.keys() == theirs.keys()
    for name in mine:
        if name.endswith(".mp4") and mine[name] != theirs[name]:
            pictures = [np.stack(list(read_video(each / name))).astype(int) for each in (root, again)]
            off = np.abs(pictures[0] - pictures[1])
            assert off.mean() < 0.1, name
            assert (off > 16).mean() < 0.005, name
        else:
            assert mine[name] == theirs[name], name


def test_the_same_settings_are_kept_and_others_refused(root: Path, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert make_scene(root, **SMALL) == root
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before
    with pytest.raises(DatasetError, match="seed is 3, asked for 4"):
        make_scene(root, **(SMALL | {"seed": 4}))
    (tmp_path / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(DatasetError, match="not made of scenes"):
        make_scene(tmp_path, **SMALL)


def test_what_moves_is_in_the_boxes(root: Path) -> None:
    """The background is the median over time; what differs from it are people and, below them, their shadows."""
    for camera in (1, 2):
        pictures = np.stack(list(read_video(root / f"cam{camera}" / f"cam{camera}.mp4"))).astype(np.int16)
        moving = np.abs(pictures - np.median(pictures, axis=0)).max(axis=3) > 50
        inside, full = np.zeros_like(moving), []
        for row in rows_of(root, camera):
            left, top = max(0, round(row.left) - 3), max(0, round(row.top) - 3)
            part = np.s_[
                row.frame - 1, top : round(row.top + row.height) + 4, left : round(row.left + row.width) + 4
            ]
            inside[part] = True
            if row.visibility > 0.9:
                full.append(moving[part].mean())
        assert moving.sum() > 1000
        assert (moving & inside).sum() > 0.85 * moving.sum()
        assert np.median(full) > 0.05
        assert moving[~inside].mean() < 0.002


def test_nobody_is_in_two_places_and_all_take_their_time() -> None:
    chosen = settings(cameras=4, persons=30, seconds=60, height=360)
    visits, travel = itineraries.itineraries(chosen), itineraries.travel_times(chosen)
    for person in range(1, 31):
        mine = sorted((v for v in visits if v.person == person), key=lambda v: v.first)
        assert len({v.camera for v in mine}) >= 1
        for before, after in combinations(mine, 2):
            gap = (after.first - before.last) / 12.5
            assert gap >= travel[before.camera - 1, after.camera - 1]
    assert np.mean([len({v.camera for v in visits if v.person == p}) for p in range(1, 31)]) > 2
    assert len({id(v.walk.walker) for v in visits}) == 30


def test_people_come_in_from_the_side_and_leave_by_a_side() -> None:
    chosen = settings(cameras=3, persons=10, seconds=60)
    for visit in itineraries.itineraries(chosen):
        camera = itineraries.camera_of(chosen, visit.camera)
        columns = [camera.project(np.array([[at.x, 0.9, at.z]], np.float32))[0, 0] for at in visit.walk.path]
        assert not 0 <= columns[0] <= 960
        assert not 0 <= columns[-1] <= 960
        assert any(0 <= column <= 960 for column in columns)


def _in_front_of(
    camera_settings: itineraries.SceneSettings, depths: tuple[float, ...]
) -> list[itineraries.Visit]:
    """People of one frame who stand behind each other, a little aside."""
    visits = []
    for number, depth in enumerate(depths, start=1):
        walker = itineraries.walker_of(camera_settings.seed, number)
        path = (Standing(0.12 * number, depth, np.pi / 2),)
        visits.append(itineraries.Visit(number, 1, 0, Walk(walker, path, (0.3,))))
    return visits


def test_visibility_is_the_share_that_is_seen() -> None:
    """Against the slow way: what changes in the picture when somebody is taken out of it."""
    chosen = settings(height=360, nuisances=dataclasses.replace(Nuisances.none(), viewpoint=1.0))
    camera = itineraries.camera_of(chosen, 1)
    stage = filming_scene._stage(chosen, 1)
    near, far = camera.distance - 0.5, camera.distance + 1.0

    def paint(*visits: itineraries.Visit) -> tuple[np.ndarray, dict[int, float]]:
        actors = [filming_scene._actor(v, 0, camera, chosen.size) for v in visits]
        canvas, rows = filming_scene._paint(stage, actors, camera, 0)
        return canvas, {row.track: row.visibility for row in rows}

    front, back = _in_front_of(chosen, (near, far))
    both, visible = paint(front, back)
    alone, whole = paint(back)
    assert whole == {2: 1.0}
    assert visible[1] == 1.0
    # Shadows change the ground too, so compare with pictures that have the same ones: dark clothes against grey.
    changed = np.abs(alone - stage.canvas).max(axis=2) > 0.05
    still = changed & (np.abs(both - paint(front)[0]).max(axis=2) > 0.05)
    assert visible[2] == pytest.approx(still.sum() / changed.sum(), abs=0.12)
    assert 0.02 < visible[2] < 0.9


def test_half_outside_is_half_visible() -> None:
    chosen = settings(height=360)
    camera = itineraries.camera_of(chosen, 1)
    (visit,) = _in_front_of(chosen, (camera.distance,))
    edge = itineraries._half_width(camera, camera.distance)
    path = (Standing(edge, camera.distance, np.pi / 2),)
    moved = dataclasses.replace(visit, walk=dataclasses.replace(visit.walk, path=path))
    ((_, (row,)),) = filming_scene.film_scene(chosen, 1, [moved], 0, 1)
    assert 0.3 < row.visibility < 0.7
    assert row.left < 640 < row.left + row.width


def test_things_that_stand_nearer_hide_people() -> None:
    for seed in range(12):  # some camera has something that stands in front of where people walk
        chosen = settings(height=180, seed=seed)
        camera, stage = itineraries.camera_of(chosen, 1), filming_scene._stage(chosen, 1)
        hidden = 1 - stage.through[-1]
        if hidden[100:].max() < 0.9:
            continue
        column = int(np.median(np.nonzero(hidden > 0.9)[1]))
        depth = stage.depths[-1] + 0.5
        (visit,) = _in_front_of(chosen, (depth,))
        seen = np.sin(camera.pitch) * camera.height + np.cos(camera.pitch) * depth
        path = (Standing((column * 3 - 480) / 1000 * seen, depth, np.pi / 2),)
        moved = dataclasses.replace(visit, walk=dataclasses.replace(visit.walk, path=path))
        ((_, found),) = filming_scene.film_scene(chosen, 1, [moved], 0, 1)
        assert found[0].visibility < 0.95
        return
    pytest.fail("no scene with anything in it")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cameras": 0}, "cameras"),
        ({"persons": 1000}, "persons"),
        ({"seconds": 0}, "seconds"),
        ({"height": 100}, "multiple of 18"),
        ({"seed": -1}, "seed"),
        ({"workers": 0}, "workers"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_scene(tmp_path / "scene", **(SMALL | wrong))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stca.walkers.making_scene.join_videos", fails)
    with pytest.raises(KeyboardInterrupt):
        make_scene(tmp_path / "scene", **(SMALL | {"seconds": 1}), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--cameras", "2", "--persons", "4", "--seconds", "1", "--height", "72"]
    call = ["data", "make-scene", str(tmp_path / "scene"), *size, "--workers", "1", "--colour", "0"]
    assert main(call) == 0
    assert "cam2" in capsys.readouterr().out
    assert json.loads((tmp_path / "scene" / "scene.json").read_text())["nuisances"]["colour"] == 0
