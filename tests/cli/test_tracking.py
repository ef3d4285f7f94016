"""`stca track`, by its own main()."""

import errno
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from stca.cli import main
from stca.footage.images import write_jpeg
from stca.footage.sources import Source
from stca.tracks import find_tracklets
from street import Walker, write_street
from tiny_families import yolov8

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
    assert table[0].split() == [
        "video",
        "frames",
        "tracks",
        "tracklets",
        "crops",
        "used",
        "left",
        "out",
        "frames/s",
    ]
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
        (["--camera", "x"], "--camera applies to one video only"),
        (["--tracks", "x.txt"], "--tracks applies to one video only"),
        (["--draw", "x.mp4"], "--draw applies to one video only"),
        (["--draw", "x.avi"], "ends in .mp4"),
        (["--zone", "a=0,0,9,0,9,9", "--zone", "a=0,0,9,0,9,9"], "Zones need different names"),
        (["--detector", "moton"], "There is no detector 'moton'"),
        (["--detector", "mobile"], "one of motion, person_mobile, yolox_nano"),
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


def test_zones_masks_a_drawing_and_json(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--detector", "street:colours", "--mask", "0,0,320,0,320,125,0,125"]
    words += ["--zone", "door=60,0,160,0,160,240,60,240", "--json", "--draw", str(tmp_path / "drawn.mp4")]
    assert call(videos[0], "--out", tmp_path / "o", *words) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert [track["tracklet"] for track in told["tracks"]] == ["cam1/0000"], "the other one is masked"
    assert told["tracks"][0]["rows"][0]["time"] == pytest.approx(0, abs=0.2)
    rows = (tmp_path / "o" / "cam1" / "zones.csv").read_text().splitlines()
    assert rows[0].startswith("zone,track,tracklet,entered,left,seconds")
    assert [row.split(",")[:3] for row in rows[1:]] == [["door", "0", "cam1/0000"]]
    assert (tmp_path / "drawn.mp4").stat().st_size > 1000
    options = json.loads((tmp_path / "o" / "cam1" / "video.json").read_text())["options"]
    assert options["masks"] == [{"points": [[0, 0], [320, 0], [320, 125], [0, 125]], "name": ""}]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--zone", "1,2,3,4,5,7"], "a zone is NAME=X,Y"),
        (["--zone", "door=1,2,3,4"], "at least three corners"),
        (["--mask", "1,2,3,4,5"], "at least three corners"),
        (["--mask", "1,1,2,2,3,3"], "not all on one line"),
        (["--first-frame", "2"], "invalid choice"),
    ],
)
def test_regions_that_are_none(
    videos: list[str], capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit):
        call(videos[0], "--out", "o", *words)
    assert complaint in capsys.readouterr().err


def test_a_full_disk_is_said(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: object, rows: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stca.tracking.camera_folder.writing.CameraFolder.add_rows", full)
    assert call(videos[0], "--out", tmp_path, "--detector", "street:colours") == 1
    said = capsys.readouterr().err
    assert "cam1.avi: A file cannot be read or written" in said
    assert f"where:    {tmp_path}" in said
    assert "Errno" not in said


def test_a_first_frame_without_tracks_is_refused(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(videos[0], "--out", tmp_path / "o", "--first-frame", "0") == 1
    assert "expected: --tracks FILE" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_same_name_twice(videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(videos[0], videos[0], "--out", tmp_path / "o") == 1
    assert "same name" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["DOOR.mp4", "door.avi"])
def test_names_that_are_one_folder_on_some_systems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    assert call("door.mp4", other, "--out", tmp_path / "o") == 1
    said = capsys.readouterr().err
    assert "same name" in said
    assert "--camera NAME" in said
    assert not (tmp_path / "o").exists()


def test_two_sequences_whose_images_lie_in_img1(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("A", "B"):
        write_jpeg(tmp_path / name / "img1" / "000001.jpg", np.zeros((16, 16, 3), np.uint8))
    assert call(tmp_path / "A/img1", tmp_path / "B/img1", "--out", tmp_path / "o") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:3]] == ["A", "B"]
    assert call(videos[0], tmp_path / "A/img1", tmp_path / "A", "--out", tmp_path / "o") == 1
    assert "same name" in capsys.readouterr().err


def test_two_videos_of_one_camera(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", tmp_path / "o", "--detector", "street:colours", "--camera", "door"]
    assert call(videos[0], *options, "--start", "2026-01-31T08:00:00") == 0
    assert call(videos[1], *options, "--start", "2026-01-31T18:00:00") == 0
    found = find_tracklets(tmp_path / "o")
    assert [t.key for t in found] == ["door/0000", "door/0001", "door_cam2/0000", "door_cam2/0001"]
    assert {(t.camera, t.record.video) for t in found} == {("door", "cam1.avi"), ("door", "cam2.avi")}
    capsys.readouterr()
    for video, start in zip(videos, ("08", "18"), strict=True):
        assert call(video, *options, "--start", f"2026-01-31T{start}:00:00") == 0
    assert capsys.readouterr().out.count("done before") == 2
    (tmp_path / "o" / "door").rename(tmp_path / "elsewhere")
    assert call(videos[1], *options, "--start", "2026-01-31T18:00:00") == 0
    assert "done before" in capsys.readouterr().out, "where it was, though the first place is free now"


def test_two_videos_of_one_camera_that_begin_nobody_knows_when(videos: list[str], tmp_path: Path) -> None:
    options = ["--out", tmp_path / "o", "--detector", "street:colours", "--camera", "door"]
    assert call(videos[0], *options) == 0
    with pytest.warns(UserWarning, match="door has several videos.* give --start"):
        assert call(videos[1], *options) == 0


def test_nothing_comes_after_a_camera(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source("rtsp://cam/1", "cam_1", 10.0, None, live=True, identity=(), frames=lambda: iter(()))
    monkeypatch.setattr("stca.footage.sources.open_source", lambda *_, **__: source)
    addresses = ["rtsp://me:secret@cam/1", "rtsp://me:secret@cam/2"]
    assert call(*addresses, "--out", tmp_path / "o") == 1
    assert call(addresses[0], *videos, "--out", tmp_path / "o") == 1
    assert call(addresses[0], "--out", tmp_path / "o", "--draw", tmp_path / "o.mp4") == 1
    said = capsys.readouterr().err
    assert said.count("A live camera has no end") == 2
    assert "--draw reads the video again" in said
    assert "secret" not in said
    assert not (tmp_path / "o").exists()


def test_passwords_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for address in ("http://me:secret@127.0.0.1:9/x", "http://me:sec@ret@127.0.0.1:9/x"):
        assert call(address, "--out", tmp_path / "o") == 1
        said = capsys.readouterr().err
        assert "error: http://127.0.0.1:9/x: Cannot open a video" in said
        assert "ret@" not in said


def test_warnings_are_one_plain_line(videos: list[str], tmp_path: Path) -> None:
    path = tmp_path / "short.avi"
    path.write_bytes(Path(videos[0]).read_bytes()[: Path(videos[0]).stat().st_size // 2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "stca", "track", str(path), "--out", str(tmp_path / "o")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert any(line.startswith(f"warning: {path}: it ends early") for line in lines)
    assert ".py:" not in done.stderr
    assert "warnings.warn" not in done.stderr


def test_a_start_that_is_no_moment(videos: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call(videos[0], "--out", "o", "--start", "yesterday")
    assert "expected a date and time" in capsys.readouterr().err


def test_a_detector_in_a_file(videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it was taken for is said; what it cannot say is asked for, and recorded with the tracks."""
    pytest.importorskip("onnxruntime")
    network = yolov8(tmp_path / "n.onnx", 5, 3)
    words = [videos[0], "--detector", network, "--every", 8, "--out", tmp_path / "out"]
    assert call(*words) == 1
    assert "--person-class N" in capsys.readouterr().err
    assert call(*words, "--person-class", 3, "--device", "cpu") == 0
    said = capsys.readouterr().err
    assert "n.onnx: YOLOv8" in said
    assert "CPUExecutionProvider" in said
    record = json.loads((tmp_path / "out" / "cam1" / "video.json").read_text())
    assert record["options"]["detector_options"] == {"person_class": 3}
    assert call(*words, "--person-class", 4) == 1, "tracks that were made with other options"
    assert call(*words, "--person-class", 3) == 0
    with pytest.raises(SystemExit):
        call(*words, "--pixels", "unit-rbg")


def test_a_network_and_a_moving_camera_are_recorded(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [videos[0], "--out", tmp_path, "--detector", "street:colours", "--tracker", "botsort", "--moving"]
    assert call(*words, "--appearance", "colour_histogram") == 0
    told = json.loads((tmp_path / "cam1" / "video.json").read_text())["options"]
    assert (told["tracker"], told["moving"]) == ("botsort", True)
    assert told["appearance"].startswith("colour_histogram ")
    assert len(find_tracklets(tmp_path)) == 2
    assert call(*words) == 1, "other tracks than those in the folder"
    said = capsys.readouterr().err
    assert "made with other options" in said
    assert "found:    appearance: not given" in said, "nothing else is shown"


@pytest.mark.parametrize("option", [["--moving"], ["--appearance", "colour_histogram"]])
def test_external_tracks_are_not_cut(
    option: list[str], videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("1,1,10,10,20,40,1,-1,-1,-1\n")
    assert call(videos[0], "--out", tmp_path / "out", "--tracks", tmp_path / "mine.txt", *option) != 0
    assert option[0] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_packages_detector_before_an_update(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [videos[0], "--out", tmp_path, "--detector", "person_mobile"]
    assert call(*words) == 0
    file = tmp_path / "cam1" / "video.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"detector": "person_mobile 0123456789ab"}))
    assert call(*words) == 1
    assert "made with the person_mobile of another version of the package" in capsys.readouterr().err


def test_a_damaged_folder_does_not_let_the_detector_be_guessed(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(videos[0], "--out", tmp_path, "--detector", "street:colours") == 0
    (tmp_path / "cam1" / "video.json").write_text("{")
    assert call(videos[1], "--out", tmp_path) == 1
    assert "--detector NAME" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("1,1,10,10,20,40,1,-1,-1,-1\n")
    given = ["--tracks", tmp_path / "mine.txt", "--camera", "other"]
    assert call(videos[1], "--out", tmp_path, *given) == 0, "no detector is needed"
    assert call(videos[1], "--out", tmp_path, "--detector", "street:colours") == 0


def test_a_video_goes_on_with_its_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_street(tmp_path / "a.avi", [], 12)
    write_street(tmp_path / "b.avi", [], 12)
    out = ["--out", str(tmp_path / "tracks")]
    assert main(["track", str(tmp_path / "a.avi"), "--detector", "motion", *out]) == 0
    assert main(["track", str(tmp_path / "a.avi"), str(tmp_path / "b.avi"), *out]) == 0
    assert "b.avi: detector person_mobile, 1 s are too short" in capsys.readouterr().err
    assert main(["track", str(tmp_path / "b.avi"), *out]) == 0, "again"
    used = {
        camera: json.loads((tmp_path / "tracks" / camera / "video.json").read_text())["detector"].split()[0]
        for camera in ("a", "b")
    }
    assert used == {"a": "motion", "b": "person_mobile"}
