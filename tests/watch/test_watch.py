"""`stca watch` as a process: two cameras, the same person in both; killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colour_network import write_colour_network
from stca.boxes import read_mot
from stca.cli import main
from stca.errors import ConfigError
from stca.gallery import Gallery
from stca.gallery.adding import crops_digest
from stca.runs.gallery_model import open_gallery
from stca.tools.files import locked
from stca.tracking import TrackOptions, track_whole
from stca.tracks import find_tracklets
from stca.watch import read_settings, watch
from stca.watch.events.schema import event_schema
from stca.watch.starting import LOCK
from street import Walker, write_street

pytest.importorskip("av")
pytest.importorskip("trackers")
pytest.importorskip("onnxruntime")

TESTS = Path(__file__).parents[1]
RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (30, 160, 60)
FRAMES = 90
STREETS = {
    "door": [Walker(RED, 30, 200, 4.0, first=5, last=35), Walker(BLUE, 290, 120, -4.0, first=20, last=60)],
    "yard": [Walker(RED, 30, 200, 4.0, first=50, last=80), Walker(GREEN, 290, 120, -4.0, first=10, last=60)],
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    for name, walkers in STREETS.items():
        write_street(folder / f"{name}.avi", walkers, FRAMES)
    matrix = np.random.default_rng(1).normal(size=(3, 16)).astype(np.float32)
    write_colour_network(folder / "net.onnx", matrix)
    return folder


def write_settings(scene: Path, out: Path) -> Path:
    text = (
        f'[watch]\nout = "{out}"\nmodel = "{scene}/net.onnx"\nthreshold = 0.9\ndetector = "street:colours"\n'
    )
    for name in STREETS:
        text += f'[[camera]]\nname = "{name}"\nsource = "{scene}/{name}.avi"\nas_live = true\n'
    path = out.with_suffix(".toml")
    path.write_text(text)
    return path


def start(settings: Path, *options: str, start_new_session: bool = False) -> subprocess.Popen:
    paths = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS), os.environ.get("PYTHONPATH", "")])
    events = settings.with_suffix(".jsonl")
    return subprocess.Popen(
        [sys.executable, "-m", "stca", "watch", str(settings), "--events", str(events), *options],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=start_new_session,
    )


def wait_for(holds: Callable[[], bool], process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def events_of(settings: Path) -> list[dict]:
    path = settings.with_suffix(".jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def watched(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = write_settings(scene, tmp_path_factory.mktemp("watched") / "out")
    process = start(settings)
    _, words = process.communicate(timeout=180)
    assert process.returncode == 0, words
    assert "door: playing" in words
    assert "yard: ended" in words
    return settings


def test_the_same_person_in_two_cameras(watched: Path) -> None:
    events = events_of(watched)
    seen = {each["tracklet"]: each for each in events if each["kind"] == "seen"}
    assert len(seen) == 4
    by_camera = {}
    for each in seen.values():
        by_camera.setdefault(each["camera"], []).append(each["person"])
    (both,) = set(by_camera["door"]) & set(by_camera["yard"])
    (same,) = (each for each in events if each["kind"] == "same_person_as")
    assert (same["person"], same["camera"], same["like"]["camera"]) == (both, "yard", "door")
    assert same["score"] > 0.99
    assert [seen[same["tracklet"]]["new"], sum(each["new"] for each in seen.values())] == [False, 3]
    lost = [each["tracklet"] for each in events if each["kind"] == "lost"]
    assert sorted(lost) == sorted(seen)
    ids = [each["id"] for each in events]
    assert len(set(ids)) == len(ids)


def test_its_events_follow_the_schema(watched: Path) -> None:
    check = pytest.importorskip("jsonschema").Draft202012Validator(event_schema())
    for event in events_of(watched):
        check.validate(event)


def test_its_gallery_is_that_of_a_file_by_file_run(watched: Path, scene: Path, tmp_path: Path) -> None:
    out = watched.with_suffix("")
    found = find_tracklets(out / "tracks")
    assert (
        main(["gallery", "add", str(tmp_path / "g"), str(out / "tracks"), "--model", f"{scene}/net.onnx"])
        == 0
    )
    with Gallery.open(out / "gallery") as live, Gallery.open(tmp_path / "g") as later:
        assert {r.key for r in live.records()} == {r.key for r in later.records()} == {f.key for f in found}
        for each in found:
            (mine, vector), (theirs, other) = live.get(each.key), later.get(each.key)
            assert (mine.content, mine.first, mine.last) == (theirs.content, theirs.first, theirs.last)
            assert float(vector @ other) > 0.999999
        said = {e["tracklet"]: e["person"] for e in events_of(watched) if e["kind"] in ("seen", "revised")}
        assert {record.key: record.person for record in live.records()} == said
    for name in STREETS:
        if json.loads((out / "tracks" / name / "video.json").read_text())["frames"] != FRAMES:
            pytest.skip("this machine was too slow to look at every frame")
        options = TrackOptions(detector="street:colours", camera=name)
        track_whole(scene / f"{name}.avi", tmp_path / "tracks", options)
        rows = [set(read_mot(p / name / "tracks.txt").rows) for p in (tmp_path / "tracks", out / "tracks")]
        assert {(r.frame, r.left) for r in rows[0]} == {(r.frame, r.left) for r in rows[1]}
    files = {f.key: crops_digest(f) for f in find_tracklets(tmp_path / "tracks")}
    assert sorted(files.values()) == sorted(crops_digest(f) for f in found)


def test_two_do_not_watch_into_one_gallery(scene: Path, tmp_path: Path) -> None:
    """Their cameras may have one name, and neither would know the other's people."""
    path, place = write_settings(scene, tmp_path / "out"), tmp_path / "shared"
    path.write_text(path.read_text().replace("[watch]", f'[watch]\ngallery = "{place}"'))
    settings = read_settings(path)
    open_gallery(place, settings.model)[0].close()
    with (
        locked(place / LOCK, taken="in this test"),
        pytest.raises(ConfigError, match="watches into this gallery"),
    ):
        watch(settings)


@pytest.mark.slow  # the start of everything once more
def test_who_stays_is_cut_and_stored_while_the_next_tracklet_walks(scene: Path, tmp_path: Path) -> None:
    write_street(tmp_path / "gate.avi", [Walker(RED, 30, 200, 3.0, first=2, last=84)], FRAMES)
    settings = tmp_path / "out.toml"
    settings.write_text(
        f'[watch]\nout = "out"\nmodel = "{scene}/net.onnx"\nthreshold = 0.9\nlongest = 5\n'
        'detector = "street:colours"\n[[camera]]\nname = "gate"\nsource = "gate.avi"\nas_live = true\n'
    )
    process = start(settings)
    _, words = process.communicate(timeout=180)
    assert process.returncode == 0, words
    said = [(each["kind"], each["tracklet"], each.get("reason")) for each in events_of(settings)]
    assert [each for each in said if each[0] in ("seen", "lost")] == [
        ("seen", "gate/0000", None),
        ("lost", "gate/0000", "cut"),
        ("seen", "gate/0001", None),
        ("lost", "gate/0001", "left"),
    ]
    found = {each.key: each.record for each in find_tracklets(tmp_path / "out" / "tracks")}
    with Gallery.open(tmp_path / "out" / "gallery") as gallery:
        stored = {record.key: record for record in gallery.records()}
    assert stored.keys() == found.keys() == {"gate/0000", "gate/0001"}
    assert {record.person for record in stored.values()} == {1}, "it is the same person"
    first, second = stored["gate/0000"], stored["gate/0001"]
    assert 5.0 <= first.last - first.first < 5.5
    assert 0 < second.first - first.last < 0.5, "nothing is left out between the two"
    numbers = [{frame.frame for frame in record.frames} for record in found.values()]
    assert not numbers[0] & numbers[1]


@pytest.mark.slow  # twice the start of everything
def test_killed_while_somebody_walks_nothing_that_was_said_is_lost(scene: Path, tmp_path: Path) -> None:
    settings = write_settings(scene, tmp_path / "out")
    process = start(settings)
    wait_for(lambda: bool(events_of(settings)), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = events_of(settings)

    process = start(settings, "--for", "0.1")
    _, words = process.communicate(timeout=180)
    assert process.returncode == 0, words
    events = events_of(settings)
    assert events[: len(before)] == before
    ids = [each["id"] for each in events]
    assert len(set(ids)) == len(ids)
    said = {each["tracklet"]: each["person"] for each in events if each["kind"] == "seen"}
    lost = {each["tracklet"] for each in events if each["kind"] == "lost" and each["reason"] == "restart"}
    assert {each["tracklet"] for each in before if each["kind"] == "seen"} <= lost
    with Gallery.open(tmp_path / "out" / "gallery") as gallery:
        stored = {record.key: record.person for record in gallery.records()}
    assert {key: stored.get(key) for key in said} == said


@pytest.mark.slow  # twice the start of everything
def test_a_signal_to_all_processes_ends_it_in_good_order(scene: Path, tmp_path: Path) -> None:
    """As service managers and `timeout` send it: while everything starts, and while somebody walks."""
    settings = write_settings(scene, tmp_path / "out")
    for walking in (False, True):
        process = start(settings, start_new_session=True)
        if walking:
            wait_for(lambda: bool(events_of(settings)), process)
        else:
            assert any(line.startswith("threshold") for line in process.stderr)
        os.killpg(process.pid, signal.SIGTERM)
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words
        assert "Traceback" not in words
        assert "failed" not in words
    events = events_of(settings)
    lost = {each["tracklet"]: each["reason"] for each in events if each["kind"] == "lost"}
    assert set(lost.values()) == {"left"}, "the cameras finished what they had"
    assert lost.keys() == {each["tracklet"] for each in events if each["kind"] == "seen"}


def test_the_example_is_right_and_a_missing_file_leads_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "--example"]) == 0
    settings = tmp_path / "cameras.toml"
    settings.write_text(capsys.readouterr().out)
    assert main(["watch", str(settings), "--check"]) == 0
    assert "2 cameras (door, yard), no mistakes" in capsys.readouterr().out
    for given in ([], [str(tmp_path / "nowhere.toml")]):
        assert main(["watch", *given]) == 1
        assert "stca watch --example > " in capsys.readouterr().err


def test_check(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(scene, tmp_path / "out")
    assert main(["watch", str(settings), "--check"]) == 0
    assert "2 cameras (door, yard), no mistakes" in capsys.readouterr().out
    settings.write_text(settings.read_text().replace("as_live = true", "as_life = true"))
    assert main(["watch", str(settings), "--check"]) == 1
    said = capsys.readouterr().err
    assert "4 mistakes in out.toml" in said
    assert "out.toml:9: there is no 'as_life'" in said
    assert not (tmp_path / "out").exists()
