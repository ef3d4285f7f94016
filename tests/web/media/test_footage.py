"""Videos are found by what tracking noted of them, inside the allowed folders only."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.footage.sources import open_source
from stca.gallery import Gallery, Record, open_query
from stca.tracking import TrackOptions, write_tracks
from stca.web.media import footage as module
from stca.web.media.footage import Footage, sighting
from stca.web.problems import WebError


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN", 0.0)


@pytest.fixture
def records(gallery: Gallery) -> dict[str, Record]:
    return {record.key: record for record in gallery.records()}


def refused(footage: Footage, folder: str = "door") -> WebError:
    with pytest.raises(WebError) as error:
        footage.video(folder)
    assert error.value.status == 404
    (listed,) = [each for each in footage.all() if each.folder == folder]
    assert not listed.at_hand
    assert listed.problem
    return error.value


def test_a_tracked_video_is_found(walkers: Path, records: dict[str, Record]) -> None:
    footage = Footage(lambda: records, (walkers / "videos",))
    video = footage.video("door")
    assert video.path == (walkers / "videos" / "door.avi").resolve()
    assert (video.name, video.camera, video.frame_rate) == ("door.avi", "door", 10.0)
    assert (video.num_frames, video.width, video.height, video.boxes_fit) == (40, 320, 240, True)
    frames = list(open_source(video.path).frames())
    assert np.array_equal(video.image(33), frames[32].image)
    assert video.seconds(33) == pytest.approx(frames[32].time)
    assert video.photo(3) is None
    assert [(v.folder, v.tracklets, v.at_hand) for v in footage.all()] == [
        ("door", 2, True),
        ("yard", 2, True),
    ]
    with pytest.raises(WebError, match="no such tracked video"):
        footage.video("roof")
    footage.close()


def test_a_box_is_where_the_tracklet_was(walkers: Path, records: dict[str, Record], tmp_path: Path) -> None:
    footage = Footage(lambda: records, (walkers / "videos",))
    for record in records.values():
        seen = sighting(record)
        assert seen is not None
        number, box = seen.boxes[len(seen.boxes) // 2]
        image = footage.video(seen.folder).image(number)
        left, top, width, height = map(round, box)
        crop = np.asarray(Image.open(next(record.folder.glob(f"{number:06d}.jpg")))).astype(float)
        cut = image[top : top + height, left : left + width]
        assert crop.shape == cut.shape
        assert np.abs(crop - cut).mean() < 6
    # What a search for a box in a frame needs.
    video = footage.video(seen.folder)
    query = open_query([video.path], tmp_path, box=box, at=video.seconds(number))
    assert any(path.name == f"{number:06d}.jpg" for path in query.found.frames)


def test_another_file_of_that_name_is_not_it(
    walkers: Path, records: dict[str, Record], tmp_path: Path
) -> None:
    footage = Footage(lambda: records, (tmp_path,))
    assert "no file of the name door.avi" in str(refused(footage))
    assert "--videos" in (refused(footage).hint or "")
    (tmp_path / "door.avi").write_bytes((walkers / "videos" / "door.avi").read_bytes())  # its time is another
    assert "another file of the name door.avi" in str(refused(footage))
    deeper = tmp_path / "a" / "b"
    deeper.mkdir(parents=True)
    shutil.copy2(walkers / "videos" / "door.avi", deeper)
    assert footage.video("door").path == (deeper / "door.avi").resolve()
    os.utime(deeper / "door.avi", (1, 1))
    refused(footage)
    assert "without folders" in str(refused(Footage(lambda: records, ())))


def test_nothing_outside_the_folders_is_shown(
    walkers: Path, records: dict[str, Record], tmp_path: Path
) -> None:
    (tmp_path / "door.avi").symlink_to(walkers / "videos" / "door.avi")
    (tmp_path / "all").symlink_to(walkers / "videos")
    refused(Footage(lambda: records, (tmp_path,)))
    assert Footage(lambda: records, (tmp_path / "all",)).video("door")  # the owner named the link itself


def test_a_folder_of_images(tmp_path: Path, walkers: Path) -> None:
    images = tmp_path / "videos" / "seq" / "img1"
    images.mkdir(parents=True)
    for frame in open_source(walkers / "videos" / "door.avi").frames():
        if frame.number <= 20:
            Image.fromarray(frame.image).save(images / f"{frame.number}.bmp")
    (tmp_path / "videos" / "seq" / "seqinfo.ini").write_text("[Sequence]\nframeRate=10\n")
    found = list(write_tracks(str(images), tmp_path / "tracks", TrackOptions(detector="street:colours")))
    records = {str(folder): Record(f"seq/{folder.name}", "seq", folder=folder) for folder, _ in found}
    video = Footage(lambda: records, (tmp_path / "videos",)).video("seq")
    assert video.path == images.resolve()
    assert (video.num_frames, video.seconds(11)) == (20, pytest.approx(1.0))
    assert video.photo(7) == images.resolve() / "7.bmp"
    assert np.array_equal(video.image(7), np.asarray(Image.open(images / "7.bmp")))
    Image.new("RGB", (640, 480)).save(images / "7.bmp")
    with pytest.raises(WebError, match="another size"):
        video.photo(7)


@pytest.mark.parametrize(
    "change",
    [
        {"identity": []},
        {"identity": "none"},
        {"source": 3},
        {"frame_rate": "fast"},
        {"frame_rate": -1},
        {"source": "../door.avi"},
    ],
)
def test_notes_that_say_nothing_useful(change: dict, tmp_path: Path, walkers: Path) -> None:
    folder = tmp_path / "tracks" / "door"
    shutil.copytree(walkers / "out" / "tracks" / "door", folder)
    note = json.loads((folder / "video.json").read_text())
    (folder / "video.json").write_text(json.dumps(note | change))
    records = {"door/1": Record("door/1", "door", folder=folder / "0001")}
    with pytest.raises(WebError):
        Footage(lambda: records, (walkers / "videos",)).video("door")


def test_two_folders_of_one_name_are_not_told_apart(tmp_path: Path, walkers: Path) -> None:
    records = {}
    for place in ("one", "two"):
        shutil.copytree(walkers / "out" / "tracks" / "door", tmp_path / place / "door")
        records[place] = Record(f"door/{place}", "door", folder=tmp_path / place / "door" / "0001")
    footage = Footage(lambda: records, (walkers / "videos",))
    assert "several folders" in str(refused_all(footage))


def refused_all(footage: Footage) -> WebError:
    with pytest.raises(WebError) as error:
        footage.video("door")
    assert [each.at_hand for each in footage.all()] == [False, False]
    return error.value


def test_records_are_looked_through_once(
    walkers: Path, records: dict[str, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [records]
    calls: list[int] = []
    known: Callable = module.tracks_by_folder
    monkeypatch.setattr(module, "tracks_by_folder", lambda found: calls.append(len(found)) or known(found))
    footage = Footage(lambda: given[0], (walkers / "videos",))
    footage.video("door")
    footage.video("yard")
    assert calls == [4]
    given[0] = {key: record for key, record in records.items() if key.startswith("door")}
    with pytest.raises(WebError):
        footage.video("yard")
    assert calls == [4, 2]
