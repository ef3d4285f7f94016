"""Videos that real workers add to a gallery, killed and cancelled on the way."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from stca.footage.sources import open_source
from stca.gallery import Gallery, add_tracklets
from stca.runs import open_model
from stca.tracking import TrackOptions, track_whole
from stca.tracks import find_tracklets
from stca.web.jobs import Job, JobOptions, Jobs, NewVideo
from stca.web.jobs.folders import choose_folder
from street import Walker, write_street

pytest.importorskip("av")
pytest.importorskip("trackers")

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)
OPTIONS = JobOptions(detector="street:slow_colours", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    write_street(folder / "door.avi", [Walker(RED, 30, 200, 2.5), Walker(BLUE, 290, 120, -2.5)], 20)
    write_street(folder / "yard.avi", [Walker(BLUE, 30, 210, 2.5), Walker(GREEN, 290, 130, -2.5)], 40)
    return [folder / "door.avi", folder / "yard.avi"]


@pytest.fixture(scope="module")
def reference(videos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The vectors of both videos, added as the command line does."""
    folder = tmp_path_factory.mktemp("reference")
    return add_directly(videos, folder / "tracks", folder / "gallery")


@pytest.fixture(scope="module")
def begun(videos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of the first video, to be copied."""
    folder = tmp_path_factory.mktemp("begun")
    add_directly(videos[:1], folder / "elsewhere", folder / "gallery")
    return folder / "gallery"


def add_directly(videos: list[Path], tracks: Path, gallery: Path) -> dict[str, np.ndarray]:
    """As the command line does; the vectors by key."""
    model = open_model("colour_histogram")
    for video in videos:
        track_whole(video, tracks, TrackOptions(detector="street:colours"))
    with Gallery.open(gallery, model=model, source="colour_histogram") as opened:
        add_tracklets(opened, model, find_tracklets(tracks), workers=0, device="cpu")
        return rows(opened)


def rows(gallery: Gallery) -> dict[str, np.ndarray]:
    records, vectors = gallery.table()
    return {record.key: vector for record, vector in zip(records, vectors, strict=True)}


@pytest.fixture
def jobs(begun: Path, tmp_path: Path) -> Iterator[Jobs]:
    """Of a gallery that has the first video already, from elsewhere."""
    shutil.copytree(begun, tmp_path / "gallery")
    opened = Jobs(tmp_path / "gallery" / "serve", tmp_path / "gallery", options=OPTIONS)
    yield opened
    opened.close()


def until(jobs: Jobs, number: int, true: Callable[[Job], bool], seconds: float = 200.0) -> Job:
    end, version = time.monotonic() + seconds, 0
    while not true(job := jobs.get(number)):
        version, _ = jobs.wait_change(version, 1.0)
        assert time.monotonic() < end, job
        assert job.finished is None, job
    return job


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    jobs: Jobs, videos: list[Path], reference: dict[str, np.ndarray], tmp_path: Path
) -> None:
    job = jobs.start([NewVideo(videos[1], start=1000.0), NewVideo(videos[0]), NewVideo(videos[0])], link=True)
    running = until(jobs, job.id, lambda job: job.videos[0].state == "tracking" and job.frames > 10)
    assert running.frames_per_second is None or 0 < running.frames_per_second < 1000
    assert 0 < running.progress < 0.4
    assert running.stage == "finding people in yard.avi"
    _, runner = jobs._working._runner or (0, None)
    assert runner is not None
    os.kill(runner._process.pid, signal.SIGKILL)
    done = until(jobs, job.id, lambda job: job.finished is not None)
    assert (done.state, done.error, done.frames, done.progress) == ("done", None, 60, 1.0)
    assert "persons are not linked: This gallery has no threshold yet" in done.message
    # The gallery has tracklets of a camera "door" whose tracks are elsewhere, and they stay. The second time
    # that a video is added, it is only looked at.
    assert [video.folder for video in done.videos] == ["yard", "door_2", "door_2"]
    assert [video.fresh for video in done.videos] == [True, True, False]
    assert [video.tracklets for video in done.videos] == [2, 2, 2]
    with Gallery.open(tmp_path / "gallery") as gallery:
        found = rows(gallery)
        cameras = {record.key: (record.camera, record.first) for record in gallery.records()}
    assert sorted(found) == ["door/0000", "door/0001", "door_2/0000", "door_2/0001", "yard/0000", "yard/0001"]
    for key, vector in found.items():
        assert vector == pytest.approx(reference[key.replace("_2", "")], abs=1e-6)
    assert cameras["door_2/0000"][0] == "door"
    assert (cameras["yard/0000"][1] or 0) >= 1000
    assert jobs.video_of(jobs.tracks / "door_2") == videos[0]


def test_a_cancelled_video_leaves_no_tracks_and_no_rows(
    jobs: Jobs, videos: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.avi"
    bad.write_bytes(b"ffconcat version 1.0\nfile door.avi\n")
    with Gallery.open(tmp_path / "gallery") as gallery:
        before = rows(gallery)
    job = jobs.start([NewVideo(bad), NewVideo(videos[1])])
    running = until(jobs, job.id, lambda job: job.videos[1].state == "tracking" and job.frames > 20)
    assert (running.videos[0].state, running.videos[0].error) == (
        "failed",
        "A file is no video but a list of others",
    )
    # Somebody added a part of it: a worker that was cancelled while it added would have.
    record, vector = next(iter(before.items()))
    folder = jobs.tracks / "yard"
    with Gallery.open(tmp_path / "gallery") as gallery:
        made = next(record for record in gallery.records())
        half = type(made)(key="yard/0000", camera="yard", folder=folder / "0000", frames=5, content="x")
        gallery.add([half], vector[None])
    jobs.cancel(job.id)
    done = until(jobs, job.id, lambda job: job.finished is not None)
    assert (done.state, done.message) == ("cancelled", "0 tracklets of 0 of 2 videos were added")
    assert not folder.exists()
    with Gallery.open(tmp_path / "gallery") as gallery:
        after = rows(gallery)
    assert after.keys() == before.keys()
    assert (after[record] == before[record]).all()


def test_names_of_folders(videos: list[Path], tmp_path: Path) -> None:
    """The camera's, then with the video's, then numbered; never one of the gallery's from elsewhere."""
    source = open_source(videos[0])
    tracks = tmp_path / "tracks"
    assert choose_folder(tracks, "door", source, []) == "door"
    assert choose_folder(tracks, "gate", source, []) == "gate"
    track_whole(videos[0], tracks, TrackOptions(detector="street:colours"))
    assert choose_folder(tracks, "door", source, []) == "door", "it is this video's"
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "door.avi").write_bytes(videos[0].read_bytes())
    other = open_source(tmp_path / "copy" / "door.avi")
    assert choose_folder(tracks, "door", other, []) == "door_2"
    (tracks / "gate").mkdir()
    assert choose_folder(tracks, "gate", source, []) == "gate_door"
