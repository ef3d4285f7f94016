"""`stca track`, by its own main()."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from stca.cli import main
from stca.tracks import find_tracklets
from street import Walker, write_street

pytest.importorskip("av")
pytest.importorskip("trackers")

WALKERS = [Walker((190, 40, 50), 30, 200, 2.5), Walker((40, 60, 190), 290, 120, -2.5)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("videos")
    for name in ("cam1", "cam2"):
        write_street(folder / f"{name}.avi", WALKERS, 40)
    return [str(folder / "cam1.avi"), str(folder / "cam2.avi")]


def call(*words: object) -> int:
    return main(["track", *map(str, words)])


def test_two_videos(videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*videos, "--out", tmp_path, "--detector", "street:colours") == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == "video frames tracks tracklets crops used left out frames/s".split()
    assert [line.split()[:4] for line in table[1:3]] == [
        ["cam1.avi", "40", "2", "2"],
        ["cam2.avi", "40", "2", "2"],
    ]
    assert len(find_tracklets(tmp_path)) == 4
    assert call(*videos, "--out", tmp_path, "--detector", "street:colours") == 0
    assert capsys.readouterr().out.count("done before") == 2


def test_a_bad_video_does_not_stop_the_others(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"hello")
    missing = tmp_path / "missing.mp4"
    assert (
        call(
            tmp_path / "bad.mp4", missing, videos[0], "--out", tmp_path / "o", "--detector", "street:colours"
        )
        == 1
    )
    said = capsys.readouterr()
    assert said.err.count("error:") == 2
    assert "bad.mp4" in said.err
    assert "missing.mp4" in said.err
    assert "cam1.avi" in said.out


def test_camera_start_every_and_tracker(videos: list[str], tmp_path: Path) -> None:
    options = ["--camera", "door", "--start", "2026-01-31T10:00:00", "--every", 2, "--tracker", "bytetrack"]
    assert call(videos[0], "--out", tmp_path, "--detector", "street:colours", *options) == 0
    record = find_tracklets(tmp_path)[0].record
    assert record.camera == "door"
    assert record.start == datetime(2026, 1, 31, 10).timestamp()
    assert json.loads((tmp_path / "door" / "video.json").read_text())["options"]["tracker"] == "bytetrack"


def test_given_tracks(videos: list[str], tmp_path: Path) -> None:
    rows = "".join(f"{f},3,{30 + 2 * f},140,22,60,1,-1,-1,-1\n" for f in range(1, 30))
    (tmp_path / "mine.txt").write_text(rows)
    assert call(videos[0], "--out", tmp_path / "o", "--tracks", tmp_path / "mine.txt") == 0
    assert [t.key for t in find_tracklets(tmp_path / "o")] == ["cam1/0003"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--camera", "x"], "--camera is for one video"),
        (["--tracks", "x.txt"], "--tracks is for one video"),
        (["--detector", "moton"], "There is no detector 'moton'"),
        (["--detector", "missing.onnx"], "no such detector file"),
    ],
)
def test_wrong_calls(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert call(*videos, "--out", tmp_path / "o", *words) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("error:") == 1
    assert not (tmp_path / "o").exists()


def test_the_same_name_twice(videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(videos[0], videos[0], "--out", tmp_path / "o") == 1
    assert "same name" in capsys.readouterr().err


def test_a_start_that_is_no_moment(videos: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call(videos[0], "--out", "o", "--start", "yesterday")
    assert "a moment is" in capsys.readouterr().err
