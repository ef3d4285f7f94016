import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from stca.errors import DatasetError
from stca.footage.images import write_jpeg
from stca.tracks import (
    FrameRecord,
    TrackRecord,
    find_tracklets,
    read_track,
    representative_crops,
    write_track,
)

QUALITY = {"sharpness": 0.8, "size": 0.9, "inside": 1.0, "visible": 0.7}


def a_frame(number: int = 123, *, use: bool = True) -> FrameRecord:
    return FrameRecord(number, number / 10, (1.5, 2.0, 30.0, 80.25), 0.9, f"{number:06d}.jpg", QUALITY, use)


def a_record(*numbers: int, camera: str = "cam1", track: int = 7) -> TrackRecord:
    frames = tuple(a_frame(number, use=number % 2 == 1) for number in numbers or (123, 124, 125))
    return TrackRecord(camera, track, "cam1.mp4", 10.0, None, "motion", None, frames)


def write(folder: Path, record: TrackRecord | None, *names: str) -> None:
    for name in names or [frame.file for frame in record.frames]:
        write_jpeg(folder / name, np.zeros((8, 4, 3), dtype=np.uint8))
    if record:
        write_track(folder, record)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for record in (a_record(), dataclasses.replace(a_record(), start=1.7e9, person=3, camera="Gleis 1 süd")):
        write_track(tmp_path, record)
        assert read_track(tmp_path) == record
    assert read_track(tmp_path).first == 12.3
    assert read_track(tmp_path).last == 12.5
    assert len(record) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["tracklet.json"], "no neighbours are left"


def test_the_file_is_what_the_contract_says(tmp_path: Path) -> None:
    write_track(tmp_path, a_record(123))
    assert json.loads((tmp_path / "tracklet.json").read_text()) == {
        "camera": "cam1",
        "track": 7,
        "video": "cam1.mp4",
        "frame_rate": 10.0,
        "start": None,
        "detector": "motion",
        "person": None,
        "frames": [
            {
                "frame": 123,
                "time": 12.3,
                "box": [1.5, 2.0, 30.0, 80.25],
                "score": 0.9,
                "file": "000123.jpg",
                "quality": QUALITY,
                "use": True,
            }
        ],
    }


def test_no_side_file(tmp_path: Path) -> None:
    assert read_track(tmp_path) is None
    assert read_track(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda data: data.pop("camera"), "lacks an entry.*\n.*'camera'"),
        (lambda data: data.update(camera="a/b"), "without slashes"),
        (lambda data: data.update(track="7"), "whole number"),
        (lambda data: data.update(track=True), "whole number"),
        (lambda data: data.update(track=-1), "from 0"),
        (lambda data: data.update(frames=[]), "at least one frame"),
        (lambda data: data.update(frames={}), "at least one frame"),
        (lambda data: data.update(frames=None), "damaged"),
        (lambda data: data["frames"].reverse(), "ascending"),
        (lambda data: data["frames"].append(data["frames"][-1]), "ascending"),
        (lambda data: data.update(frame_rate=0), "above 0"),
        (lambda data: data.update(frame_rate=None), "damaged"),
        (lambda data: data.update(start=float("inf")), "finite start"),
        (lambda data: data["frames"][0].update(box=[1, 2, 3]), "damaged"),
        (lambda data: data["frames"][0].update(box=[1, 2, 0, 3]), "a width and a height above 0"),
        (lambda data: data["frames"][0].update(time=float("nan")), "finite numbers"),
        (lambda data: data["frames"][0].update(file="../../secret.jpg"), "without folders"),
        (lambda data: data["frames"][0].update(file=""), "without folders"),
        (lambda data: data["frames"][0].update(use="no"), "true or false"),
        (lambda data: data["frames"][0].update(quality={"size": 2}), "between 0 and 1"),
        (lambda data: data["frames"][0].update(quality=[]), "damaged"),
        (lambda data: data["frames"][0].update(frame=0), "from 1"),
        (lambda data: data["frames"][0].update(time=1e300), "a time within 1e\\+11"),
        (lambda data: data.update(start=-1e300), "start within 1e\\+11"),
        (lambda data: data.update(person=10**30), "64 bits"),
        (lambda data: data.update(camera="c\ud800m"), "surrogates not allowed"),
    ],
)
def test_damaged_side_files(tmp_path: Path, change, complaint: str) -> None:
    write_track(tmp_path, a_record())
    path = tmp_path / "tracklet.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(DatasetError, match=complaint) as error:
        read_track(tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\x00", '{"camera": "cam1"', "[" * 200_000])
def test_side_files_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "tracklet.json").write_text(text)
    with pytest.raises(DatasetError, match="side file"):
        read_track(tmp_path)


def test_tracklets_are_found_from_every_height_by_the_same_key(tmp_path: Path) -> None:
    root = tmp_path / "tracks"
    write(root / "cam1" / "0007", a_record())
    (root / "cam1" / "tracks.txt").write_text("")
    for start in (root, root / "cam1", root / "cam1" / "0007"):
        (found,) = find_tracklets(start)
        assert found.key == "cam1/0007"
        assert found.folder == root / "cam1" / "0007"
        assert found.camera == "cam1"
        assert [path.name for path in found.frames] == ["000123.jpg", "000125.jpg"], "only those of use"
        assert found.record == a_record()


def test_a_relative_path_gives_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "cam1" / "0007", a_record())
    monkeypatch.chdir(tmp_path / "cam1" / "0007")
    assert find_tracklets(Path())[0].key == "cam1/0007"


def test_folders_without_side_files_in_natural_order(tmp_path: Path) -> None:
    for track in ("10", "9"):
        write(tmp_path / "door" / track, None, "b10.png", "b9.PNG", "notes.txt")
    write(tmp_path / "door" / ".half", None, "1.jpg")
    found = find_tracklets(tmp_path)
    assert [t.key for t in found] == ["door/9", "door/10"]
    assert {t.camera for t in found} == {"door"}
    assert [path.name for path in found[0].frames] == ["b9.PNG", "b10.png"]
    assert found[0].record is None


def test_a_tracklet_without_usable_crops_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "cam1" / "0001", a_record(2, 4, track=1))
    write(tmp_path / "cam1" / "0002", a_record(1, 2, track=2))
    with pytest.warns(UserWarning, match="0001"):
        assert [t.key for t in find_tracklets(tmp_path)] == ["cam1/0002"]


def test_the_same_key_twice(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        write(tmp_path / day / "cam1" / "0007", a_record())
    with pytest.raises(DatasetError, match=r"same key(.|\n)*cam1/0007"):
        find_tracklets(tmp_path)


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No tracklets found"):
        find_tracklets(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        find_tracklets(tmp_path / "nowhere")


def test_the_best_crop_of_each_part_is_pictured(tmp_path: Path) -> None:
    good = {9: 0.9, 1: 0.95, 6: 0.6}  # visible, of the others 0.5
    frames = tuple(
        dataclasses.replace(a_frame(n), quality=QUALITY | {"visible": good.get(n, 0.5)}) for n in range(1, 11)
    )
    write(tmp_path / "cam1" / "7", dataclasses.replace(a_record(), frames=frames))
    (found,) = find_tracklets(tmp_path)
    assert [int(path.stem) for path in representative_crops(found, 1)] == [1]
    assert [int(path.stem) for path in representative_crops(found, 2)] == [1, 9]
    assert [int(path.stem) for path in representative_crops(found, 3)] == [1, 6, 9]
    assert representative_crops(found, 10) == representative_crops(found, 99) == list(found.frames)


def test_a_crop_of_unknown_quality_or_that_is_gone_is_not_the_best(tmp_path: Path) -> None:
    quality = {3: {}, 2: QUALITY | {"visible": 0.9}}
    frames = tuple(dataclasses.replace(a_frame(n), quality=quality.get(n, QUALITY)) for n in range(1, 6))
    write(tmp_path / "cam1" / "7", dataclasses.replace(a_record(), frames=frames))
    (found,) = find_tracklets(tmp_path)
    assert [int(path.stem) for path in representative_crops(found, 1)] == [2]
    (tmp_path / "cam1" / "7" / "000002.jpg").unlink()
    assert [int(path.stem) for path in representative_crops(found, 1)] == [4]


def test_without_qualities_the_middles_are_pictured(tmp_path: Path) -> None:
    write(tmp_path / "cam1" / "7", None, *(f"{n:06d}.jpg" for n in range(1, 10)))
    (found,) = find_tracklets(tmp_path)
    assert [int(path.stem) for path in representative_crops(found, 1)] == [5]
    assert [int(path.stem) for path in representative_crops(found, 3)] == [2, 5, 8]
