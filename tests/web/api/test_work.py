"""Uploads and jobs over the interface, on rendered streets: what is uploaded is found, what is added too."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from made_server import client_of, served
from stca.client import Client, ServerError
from stca.find import FindOptions, find_people
from stca.footage.sources import open_source
from stca.tracking import TrackOptions
from stca.web.jobs import JobOptions, Jobs
from street import Walker, write_street

pytest.importorskip("av")
pytest.importorskip("trackers")

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)
DETECTOR = "street:colours"


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`out/gallery` with red and blue seen by the door, and `videos/yard.avi`, in which blue comes back."""
    folder = tmp_path_factory.mktemp("street")
    write_street(folder / "door.avi", [Walker(RED, 30, 200, 2.5), Walker(BLUE, 290, 120, -2.5)], 40)
    (folder / "videos").mkdir()
    write_street(folder / "videos" / "yard.avi", [Walker(BLUE, 30, 210, 2.5)], 20)
    options = FindOptions(
        tracking=TrackOptions(detector=DETECTOR),
        model="colour_histogram",
        threshold=0.5,
        device="cpu",
        precision="float32",
        workers=0,
    )
    find_people([str(folder / "door.avi")], folder / "out", options)
    return folder


@pytest.fixture(scope="module")
def server(street: Path) -> Iterator[TestClient]:
    with served(street / "out" / "gallery", videos=(street / "videos", street)) as client:
        state = client.app.state.server
        state.jobs.close()
        options = JobOptions(detector=DETECTOR, device="cpu", precision="float32")
        state.jobs = Jobs(state.settings.folder, state.settings.gallery, options=options)
        yield client


@pytest.fixture
def client(server: TestClient) -> Iterator[Client]:
    with client_of(server) as ours:
        yield ours


def crops_of(client: Client, street: Path) -> dict[str, Path]:
    """A crop of each tracklet by its key."""
    return {
        each.key: sorted((street / "out" / "tracks" / each.key).glob("*.jpg"))[5]
        for each in client.tracklets(cameras=["door"])
    }


def test_an_uploaded_picture_is_found_and_then_forgotten(client: Client, street: Path) -> None:
    for key, crop in crops_of(client, street).items():
        upload = client.upload(crop)
        assert (upload.kind, upload.title, len(upload.pictures)) == ("pictures", crop.name, 1)
        assert upload.pictures[0].crop
        assert upload.expires > time.time()
        assert client.search(upload=upload.id).hits[0].tracklet.key == key
        client.remove_upload(upload.id)
        with pytest.raises(ServerError, match="no such upload"):
            client.search(upload=upload.id)
    assert len(list(client.tracklets(cameras=["door"]))) == 2, "a search adds nothing"


def test_a_box_in_an_uploaded_scene_or_video_says_who_is_meant(
    client: Client, street: Path, tmp_path: Path
) -> None:
    frame = list(open_source(street / "door.avi").frames())[20].image
    Image.fromarray(frame).save(tmp_path / "scene.png")
    upload = client.upload(tmp_path / "scene.png")
    assert not upload.pictures[0].crop
    with pytest.raises(ServerError):
        client.search(upload=upload.id)  # who?
    video = client.upload(street / "door.avi")
    assert video.kind == "video"
    found = set()
    for tracklet in client.tracklets(cameras=["door"]):
        record = client_record(street, tracklet.key)
        box = next(each.box for each in record.frames if each.frame == 21)
        assert client.search(upload=upload.id, box=list(box)).hits[0].tracklet.key == tracklet.key
        middle = len(video.pictures) // 2
        time_of = (middle - 1) / 10
        near = min(record.frames, key=lambda each: abs(each.time - time_of))
        answer = client.search(upload=video.id, image=middle, box=list(near.box))
        found.add(answer.hits[0].tracklet.key)
    assert found == {each.key for each in client.tracklets(cameras=["door"])}


def client_record(street: Path, key: str):  # type: ignore[no-untyped-def]
    from stca.tracks import read_track

    return read_track(street / "out" / "tracks" / key)


def test_a_zip_of_pictures(client: Client, street: Path, tmp_path: Path) -> None:
    key, crop = next(iter(crops_of(client, street).items()))
    with zipfile.ZipFile(tmp_path / "his.zip", "w") as pack:
        for other in sorted(crop.parent.glob("*.jpg"))[:4]:
            pack.write(other, f"../{other.name}")
    upload = client.upload(tmp_path / "his.zip")
    assert len(upload.pictures) == 4
    assert client.search(upload=upload.id).hits[0].tracklet.key == key


def test_a_frame_of_a_tracked_video_can_be_asked(client: Client, street: Path) -> None:
    for tracklet in client.tracklets(cameras=["door"]):
        record = client_record(street, tracklet.key)
        middle = record.frames[len(record.frames) // 2]
        frame = {"camera": "door", "frame": middle.frame, "box": list(middle.box)}
        assert client.search(frame=frame).hits[0].tracklet.key == tracklet.key
    with pytest.raises(ServerError) as caught:
        client.search(frame={"camera": "nowhere", "frame": 1, "box": [0, 0, 10, 30]})
    assert caught.value.status == 404


def test_what_is_no_picture_is_refused(client: Client, tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html><script>alert(1)</script></html>")
    with pytest.raises(ServerError) as caught:
        client.upload(tmp_path / "page.jpg")
    assert caught.value.status == 415
    server_folder = client.gallery()  # and the server goes on
    assert server_folder.tracklets >= 2


def finished(client: Client, number: int) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        job = client.job(number)
        if job.state in ("done", "failed", "cancelled"):
            assert not job.error, job.error
            return job.state
        time.sleep(0.2)
    raise AssertionError(client.job(number))


def test_videos_of_the_server_and_uploaded_ones_are_added(client: Client, street: Path) -> None:
    assert {"yard.avi", "door.avi"} <= {each.name for each in client.videos()}
    job = client.add_videos("yard.avi")
    uploaded = client.add_uploaded_videos(street / "videos" / "yard.avi", start=1_700_000_000.0)
    assert finished(client, job.id) == finished(client, uploaded.id) == "done"
    assert {camera.name for camera in client.cameras()} >= {"door", "yard"}
    blue = list(client.tracklets(cameras=["yard"]))
    assert len(blue) == 2
    assert sorted(each.clock == "" for each in blue) == [False, True], "one began at a known time"
    assert next(each for each in client.videos() if each.name == "yard.avi").added
    actions = [entry["action"] for entry in client.audit()]
    assert actions.count("add videos") == 2


def test_a_video_that_the_gallery_has_is_not_added_again(client: Client) -> None:
    before = len(list(client.jobs()))
    assert next(each for each in client.videos() if each.name == "door.avi").added
    with pytest.raises(ServerError, match="already has the people of this video") as caught:
        client.add_videos("door.avi")
    assert caught.value.status == 409
    assert len(list(client.jobs())) == before


@pytest.mark.parametrize(
    "name", ["../door.avi", "/etc/passwd", "nothing.avi", "", "videos/../door.avi", "\0"]
)
def test_only_videos_of_the_allowed_folders_can_be_added(client: Client, name: str) -> None:
    with pytest.raises(ServerError) as caught:
        client.add_videos(name)
    assert caught.value.status in (404, 422)


def test_a_file_that_is_no_video_is_not_queued(client: Client, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    before = len(list(client.jobs()))
    with pytest.raises(ServerError) as caught:
        client.add_uploaded_videos(tmp_path / "clip.mp4")
    assert caught.value.status == 415
    assert len(list(client.jobs())) == before


def test_the_picture_of_an_upload_is_encoded_anew(server: TestClient, client: Client, street: Path) -> None:
    crop = next(iter(crops_of(client, street).values()))
    marked = crop.read_bytes() + b"<script>stays()</script>"
    answer = server.post("/api/v1/uploads", files={"files": ("a.jpg", io.BytesIO(marked), "image/jpeg")})
    assert answer.status_code == 201
    shown = server.get(answer.json()["pictures"][0]["address"])
    assert shown.headers["content-type"] == "image/jpeg"
    assert b"<script>" not in shown.content
    assert len(client.thumbnail(next(client.tracklets()).key)) > 200
