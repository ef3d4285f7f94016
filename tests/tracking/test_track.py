"""Whole videos: what lies in the folder afterwards, whatever happened on the way."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from experiments.tracking.score_tracks import score, track_and_score

from stca import track_video
from stca.boxes import read_mot
from stca.errors import ConfigError, DatasetError, FrameError
from stca.footage.images import read_image, write_jpeg
from stca.footage.sources import open_source
from stca.tracking import TrackOptions, write_tracks
from stca.tracking.options import settings
from stca.tracks import FoundTracklet, find_tracklets, read_track
from street import Walker, finish, write_street

pytest.importorskip("av")
pytest.importorskip("trackers")

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (30, 160, 60)
WALKERS = [
    Walker(RED, 30, 200, 2.5, first=5, last=70),
    Walker(BLUE, 290, 120, -2.5, first=10, last=75),
    Walker(GREEN, 270, 230, 0.3, first=1, last=90, size=(80, 30)),
]
COLOURS = TrackOptions(detector="street:colours")


def tree(root: Path) -> dict[str, bytes]:
    """Every visible file and what is in it."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    }


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "cam1.avi"
    write_street(path, WALKERS, 90)
    return path


@pytest.fixture(scope="module")
def tracked(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tracked")
    finish(write_tracks(street, root, COLOURS))
    return root


def test_everybody_is_followed(street: Path, tmp_path: Path) -> None:
    rows = write_street(tmp_path / "again.avi", WALKERS, 90)
    summary = finish(write_tracks(tmp_path / "again.avi", tmp_path, COLOURS))
    got = score(rows, read_mot(tmp_path / "again" / "tracks.txt").rows, 90)
    assert got.mota > 0.95
    assert got.idf1 > 0.97
    assert (summary.frames, summary.tracks, summary.tracklets) == (90, 3, 3)
    assert summary.used + summary.left_out == pytest.approx(len(rows), abs=6)


def test_what_lies_in_the_folder(tracked: Path) -> None:
    told = json.loads((tracked / "cam1" / "video.json").read_text())
    assert told["finished"] is True
    assert (told["source"], told["frame_rate"], told["width"], told["height"]) == ("cam1.avi", 10.0, 320, 240)
    assert (told["frames"], told["detector"]) == (90, "street:colours")
    found = find_tracklets(tracked)
    assert len(found) == 3
    for tracklet in found:
        record = tracklet.record
        assert (record.camera, record.video, record.detector, record.start) == (
            "cam1",
            "cam1.avi",
            "street:colours",
            None,
        )
        assert tracklet.key == f"cam1/{record.track:04d}"
        assert {path.name for path in tracklet.folder.glob("*.jpg")} == {
            frame.file for frame in record.frames
        }
        for frame in record.frames:
            assert frame.file == f"{frame.frame:06d}.jpg"
            assert frame.time == pytest.approx((frame.frame - 1) / 10)
            width, height = frame.box[2:]
            height_seen, width_seen = read_image(tracklet.folder / frame.file).shape[:2]
            if frame.quality["inside"] == 1:
                assert (height_seen, width_seen) == (
                    pytest.approx(height, abs=1),
                    pytest.approx(width, abs=1),
                )
    assert not (tracked / "cam1" / ".live").exists()
    assert not (tracked / "cam1" / ".boxes").exists()
    assert {row.track for row in read_mot(tracked / "cam1" / "tracks.txt").rows} == {
        t.record.track for t in found
    }


def test_a_crop_shows_who_is_in_the_box(tracked: Path) -> None:
    """By the colour of the middle, everybody's own all the time."""
    seen = []
    for tracklet in find_tracklets(tracked):
        middles = [read_image(path) for path in tracklet.frames]
        seen.append({int(np.argmax(m[len(m) // 2 - 8, m.shape[1] // 2])) for m in middles})
    assert sorted(map(sorted, seen)) == [[0], [1], [2]]


def test_track_video_gives_tracklets(street: Path, tracked: Path, tmp_path: Path) -> None:
    tracklets = list(track_video(street, detector="street:colours", out=tmp_path, camera_id=4))
    assert {t.key: len(t) for t in tracklets} == {t.key: len(t.frames) for t in find_tracklets(tracked)}
    assert {t.camera_id for t in tracklets} == {4}
    assert {t.key for t in tracklets} == {t.key for t in find_tracklets(tracked)}
    assert list(track_video(street, detector="street:colours", out=tmp_path, camera_id=4)) == sorted(
        tracklets, key=lambda t: t.key
    ), "read only"


def test_start_and_every(street: Path, tmp_path: Path) -> None:
    options = TrackOptions(detector="street:colours", start=1.7e9, every=3, camera="door")
    summary = finish(write_tracks(street, tmp_path, options))
    assert (summary.frames, summary.camera) == (30, "door")
    for tracklet in find_tracklets(tmp_path):
        assert all(frame.frame % 3 == 1 for frame in tracklet.record.frames)
        assert tracklet.record.first == pytest.approx(1.7e9 + (tracklet.record.frames[0].frame - 1) / 10)
    assert {row.frame % 3 for row in read_mot(tmp_path / "door" / "tracks.txt").rows} == {1}


def test_given_tracks_are_cut_out_as_they_are(street: Path, tmp_path: Path) -> None:
    rows = write_street(tmp_path / "v.avi", WALKERS, 90)
    lines = [f"{r.frame},{r.track + 40},{r.left},{r.top},{r.width},{r.height},1,-1,-1,-1" for r in rows]
    (tmp_path / "mine.txt").write_text("\n".join([*lines, "1,99,5,5,20,40,1,-1,-1,-1"]))
    summary = finish(write_tracks(tmp_path / "v.avi", tmp_path, TrackOptions(tracks=tmp_path / "mine.txt")))
    found = find_tracklets(tmp_path / "v")
    assert [t.record.track for t in found] == [41, 42, 43]
    assert {t.record.detector for t in found} == {"mine.txt"}
    assert (summary.tracks, summary.tracklets) == (4, 3), "one box is a row, but no tracklet"
    mine = [f for t in found if t.record.track == 41 for f in t.record.frames]
    assert [f.frame for f in mine] == [r.frame for r in rows if r.track == 1]


def given(rows: list[tuple[int, int, float]], folder: Path, *, frames: int = 80) -> list[FoundTracklet]:
    """The tracklets of a street without anybody, cut out by rows of (frame, track, left)."""
    (folder / "mine.txt").write_text("".join(f"{f},{n},{x},100,30,80,-1,-1,-1,-1\n" for f, n, x in rows))
    write_street(folder / "v.avi", [], frames)
    finish(write_tracks(folder / "v.avi", folder / "out", TrackOptions(tracks=folder / "mine.txt")))
    return find_tracklets(folder / "out")


@pytest.mark.parametrize("gap", [15, 24, 40])
def test_a_given_track_that_comes_back_is_one_tracklet(tmp_path: Path, gap: int) -> None:
    frames = [*range(1, 31), *range(30 + gap, 80)]
    (found,) = given([(f, 5, 2 * f) for f in frames], tmp_path)
    assert found.key == "v/0005"
    assert [frame.frame for frame in found.record.frames] == frames
    assert {frame.score for frame in found.record.frames} == {1.0}, "-1 is no confidence, not none at all"


def test_given_tracks_are_not_joined(tmp_path: Path) -> None:
    rows = [(f, 5, 2 * f) for f in range(1, 31)] + [(f, 6, 2 * f) for f in range(36, 66)]
    found = given(rows, tmp_path)
    assert {t.record.track: len(t.record) for t in found} == {5: 30, 6: 30}


def test_given_tracks_longer_than_the_video(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"138 of 178 rows .* beyond the video's end \(frame 20\)"):
        found = given([(f, n, 100 * n) for n in (2, 1) for f in range(1, 90)], tmp_path, frames=20)
    assert {t.record.track: len(t.record) for t in found} == {1: 20, 2: 20}


def test_given_tracks_of_frames_nobody_looks_at(tmp_path: Path) -> None:
    (tmp_path / "even.txt").write_text("".join(f"{f},1,100,100,30,80,1\n" for f in (2, 4, 6)))
    write_street(tmp_path / "v.avi", [], 10)
    options = TrackOptions(tracks=tmp_path / "even.txt", every=2, first_frame=1)
    with pytest.warns(UserWarning, match="No row of the tracks belongs to a processed frame"):
        finish(write_tracks(tmp_path / "v.avi", tmp_path, options))


def test_the_file_of_given_tracks_is_missing(street: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"Cannot read a file(.|\n)*none.txt"):
        finish(write_tracks(street, tmp_path / "out", TrackOptions(tracks=tmp_path / "none.txt")))
    assert not (tmp_path / "out").exists()


def test_the_occluded_is_left_out_of_use(tmp_path: Path) -> None:
    rows = [f"{f},1,100,100,40,100,1\n{f},2,{100 if f > 10 else 200},102,40,100,1" for f in range(1, 21)]
    (tmp_path / "two.txt").write_text("\n".join(rows))
    write_street(tmp_path / "v.avi", [], 20)
    finish(write_tracks(tmp_path / "v.avi", tmp_path, TrackOptions(tracks=tmp_path / "two.txt")))
    behind = read_track(tmp_path / "v" / "0001")
    assert [frame.use for frame in behind.frames] == [True] * 10 + [False] * 10
    assert all(frame.quality["visible"] < 0.1 for frame in behind.frames[10:])


def test_somebody_never_seen_well_keeps_his_best_crops(tmp_path: Path) -> None:
    rows = [f"{f},1,{-30 - f},100,40,100,1" for f in range(1, 9)]
    (tmp_path / "edge.txt").write_text("\n".join(rows))
    write_street(tmp_path / "v.avi", [], 10)
    finish(write_tracks(tmp_path / "v.avi", tmp_path, TrackOptions(tracks=tmp_path / "edge.txt")))
    record = read_track(tmp_path / "v" / "0001")
    assert [frame.use for frame in record.frames] == [True] * 4 + [False] * 4


def test_nobody_in_the_video(tmp_path: Path) -> None:
    write_street(tmp_path / "empty.avi", [], 20)
    for detector in ("street:colours", "motion"):
        summary = finish(
            write_tracks(tmp_path / "empty.avi", tmp_path / detector[:3], TrackOptions(detector=detector))
        )
        assert (summary.frames, summary.tracks, summary.tracklets) == (20, 0, 0)


def test_one_frame(tmp_path: Path) -> None:
    write_street(tmp_path / "v.avi", WALKERS, 1)
    summary = finish(write_tracks(tmp_path / "v.avi", tmp_path, COLOURS))
    assert (summary.frames, summary.tracklets) == (1, 0)


def test_a_video_that_ends_in_the_middle(street: Path, tmp_path: Path) -> None:
    path = tmp_path / "cam1.avi"
    path.write_bytes(street.read_bytes()[: street.stat().st_size * 2 // 3])
    with pytest.warns(UserWarning, match=r"ends early.* of 90 frames"):
        summary = finish(write_tracks(path, tmp_path, COLOURS))
    assert 45 < summary.frames < 75
    assert summary.tracklets == 3


def test_a_finished_video_is_not_touched(street: Path, tmp_path: Path) -> None:
    first = finish(write_tracks(street, tmp_path, COLOURS))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"}
    second = finish(write_tracks(street, tmp_path, COLOURS))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"} == before
    assert second.seconds == 0
    assert (second.tracklets, second.used, second.frames) == (first.tracklets, first.used, first.frames)


@pytest.mark.parametrize(
    "options",
    [
        TrackOptions(detector="motion"),
        TrackOptions(detector="street:colours", tracker="bytetrack"),
        TrackOptions(detector="street:colours", every=2),
        TrackOptions(detector="street:colours", start=5.0),
    ],
)
def test_other_options_are_refused(street: Path, tracked: Path, options: TrackOptions) -> None:
    before = tree(tracked)
    with pytest.raises(ConfigError, match=r"made with (another detector|other options)"):
        finish(write_tracks(street, tracked, options))
    assert tree(tracked) == before


def test_another_video_of_the_same_name_is_refused(tracked: Path, tmp_path: Path) -> None:
    write_street(tmp_path / "cam1.avi", [], 3)
    with pytest.raises(
        ConfigError, match=r"video has changed since(.|\n)*\d bytes or images, last changed 20"
    ):
        finish(write_tracks(tmp_path / "cam1.avi", tracked, COLOURS))


def test_a_copy_of_the_video_is_told_by_its_date(street: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cam1.avi"
    shutil.copy2(street, copy)
    finish(write_tracks(copy, tmp_path / "out", COLOURS))
    before = copy.stat()
    os.utime(copy, ns=(0, before.st_mtime_ns + 5_000_000_000))
    with pytest.raises(ConfigError, match="with the date of the original") as error:
        finish(write_tracks(copy, tmp_path / "out", COLOURS))
    expected, found = (line.split()[-1] for line in str(error.value).splitlines()[1:3])
    assert expected != found
    assert expected.endswith(f".{before.st_mtime_ns % 10**9:09d}")
    os.utime(copy, ns=(0, before.st_mtime_ns))
    assert finish(write_tracks(copy, tmp_path / "out", COLOURS)).seconds == 0


def test_a_folder_that_holds_something_else(street: Path, tmp_path: Path) -> None:
    (tmp_path / "cam1").mkdir()
    (tmp_path / "cam1" / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match="holds other files"):
        finish(write_tracks(street, tmp_path, COLOURS))
    (tmp_path / "cam1" / "thesis.txt").unlink()
    (tmp_path / "cam1" / "video.json").write_text("{")
    with pytest.raises(DatasetError, match="damaged"):
        finish(write_tracks(street, tmp_path, COLOURS))


@pytest.mark.parametrize("name", [".lock", ".boxes", ".live/notes"])
def test_hidden_files_of_somebody_else_stay(street: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "cam1" / name).parent.mkdir(parents=True)
    (tmp_path / "cam1" / name).write_text("precious")
    with pytest.raises(DatasetError, match=rf"holds other files(.|\n)*{name[:5]}"):
        finish(write_tracks(street, tmp_path, COLOURS))
    assert (tmp_path / "cam1" / name).read_text() == "precious"


@pytest.mark.parametrize("content", ['{"finished": true}', "[" * 100_000, "[]"])
def test_a_damaged_video_json(street: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "cam1").mkdir()
    (tmp_path / "cam1" / "video.json").write_text(content)
    with pytest.raises(DatasetError, match="damaged") as error:
        finish(write_tracks(street, tmp_path, COLOURS))
    assert error.value.hint is not None


def test_two_at_once(street: Path, tmp_path: Path) -> None:
    first = write_tracks(street, tmp_path, COLOURS)
    next(first)
    with pytest.raises(ConfigError, match="Another process"):
        finish(write_tracks(street, tmp_path, COLOURS))
    finish(first)


def test_killed_and_called_again(tmp_path: Path) -> None:
    """At several moments; nothing is detected twice, and the end is the same to the byte."""
    people = [Walker(RED, 30, 200, 4, first=5, last=35), Walker(BLUE, 290, 120, -4, first=40, last=70)]
    people.append(Walker(GREEN, 150, 230, 1, first=75, last=115))
    street = tmp_path / "cam1.avi"
    write_street(street, people, 120)
    options = TrackOptions(detector="street:slow_colours")
    finish(write_tracks(street, tmp_path / "undisturbed", options))
    root, log = tmp_path / "killed", tmp_path / "log"
    folders = [str(Path(__file__).parents[2] / "src"), str(Path(__file__).parents[1])]
    call = [
        sys.executable,
        "-c",
        "import sys; from stca.cli import main; sys.exit(main())",
        "track",
        str(street),
    ]
    call += ["--out", str(root), "--detector", options.detector]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "STREET_LOG": str(log)}
    for wanted, least in ((15, 0), (80, 1), (110, 2)):  # a track comes two seconds after its last box
        running = subprocess.Popen(call, env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (log.exists() and log.stat().st_size >= wanted) and time.monotonic() < deadline:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert json.loads((root / "cam1" / "video.json").read_text())["finished"] is False
        finished = [f for f in (root / "cam1").iterdir() if f.name.isdecimal()]
        assert len(finished) >= least
        for folder in finished:
            record = read_track(folder)
            assert record is not None, "whole or not there"
            assert all(read_image(folder / frame.file).size for frame in record.frames)
    finish(write_tracks(street, root, options))
    assert tree(root) == tree(tmp_path / "undisturbed")
    assert log.stat().st_size < 120 + 3 * 12, "only what was under way is detected again"


def test_killed_before_anything_was_written(street: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cam1"
    (folder / ".live").mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / ".video.json.k2j3").touch()
    assert finish(write_tracks(street, tmp_path, COLOURS)).tracklets == 3


def test_a_full_disk_is_said(street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) > 40:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as error:
        finish(write_tracks(street, tmp_path, COLOURS))
    assert Path(error.value.filename).suffix == ".jpg"
    assert json.loads((tmp_path / "cam1" / "video.json").read_text())["finished"] is False
    monkeypatch.undo()
    assert finish(write_tracks(street, tmp_path, COLOURS)).tracklets == 3


def test_the_weights_of_an_openvino_network_belong_to_it(street: Path, tmp_path: Path) -> None:
    source = open_source(street)
    network, weights = tmp_path / "net.xml", tmp_path / "net.bin"
    network.write_text("<net/>")
    told = []
    for content in (b"1", b"2", b"1"):
        weights.write_bytes(content)
        told.append(settings(source, TrackOptions(detector=str(network)))["detector"])
    assert told[0] == told[2] != told[1]
    assert str(told[0]).startswith("net.xml ")


def test_a_video_whose_name_is_none_of_a_folder(street: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "...avi").write_bytes(street.read_bytes())
    with pytest.raises(ConfigError, match=r"used as a folder name(.|\n)*--camera"):
        finish(write_tracks(tmp_path / "in" / "...avi", tmp_path / "deep" / "out", COLOURS))
    write_jpeg(tmp_path / "1.jpg", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ConfigError, match="used as a folder name"):
        finish(write_tracks(f"{tmp_path}/in/..", tmp_path / "deep" / "out", COLOURS))
    assert not (tmp_path / "deep").exists()


def test_bad_options() -> None:
    for wrong in ({"tracker": "sort"}, {"every": 0}, {"camera": "a/b"}, {"camera": ""}, {"camera": ".x"}):
        with pytest.raises(ConfigError):
            TrackOptions(**wrong)


def test_no_video(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"no video")
    with pytest.raises(FrameError, match="Cannot open"):
        finish(write_tracks(tmp_path / "v.mp4", tmp_path / "out", COLOURS))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("detector", "mota", "idf1"),
    [
        ("weights/detector/yolox_nano.onnx", 0.72, 0.70),
        ("weights/detector/pedestrian-detection-adas-0002/pedestrian-detection-adas-0002.xml", 0.83, 0.72),
        ("motion", 0.55, 0.55),
    ],
)
def test_the_figures_on_pets(shared: Path, tmp_path: Path, detector: str, mota: float, idf1: float) -> None:
    pytest.importorskip("trackeval")
    name = detector if detector == "motion" else str(shared / detector)
    folder = shared / "video/pets_s2l1"
    got, *_ = track_and_score(folder / "vtest.avi", folder / "gt.txt", tmp_path, TrackOptions(detector=name))
    assert got.mota >= mota
    assert got.idf1 >= idf1


def test_the_motion_detector_needs_a_camera_that_stands_still() -> None:
    with pytest.raises(ConfigError, match="stands still"):
        TrackOptions(detector="motion", moving=True)
    assert TrackOptions(detector="street:colours", moving=True).moving
