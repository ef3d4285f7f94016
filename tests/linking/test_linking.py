"""From a gallery to persons, their tables, tracks and contact sheets."""

import csv
import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.boxes import MotRow, read_mot, write_mot
from stca.cli.main import main
from stca.errors import ConfigError, DatasetError, GalleryError, RankingError
from stca.footage.images import write_jpeg
from stca.gallery import Gallery, ModelFingerprint, Record
from stca.linking.constraints import clock_groups, least_seconds, read_travel
from stca.linking.contact_sheet import write_contact_sheets
from stca.linking.linking import Linking, link, link_gallery
from stca.linking.outputs import persons_table, write_linking
from stca.linking.tracks import mot_rows
from stca.tracks import FrameRecord, TrackRecord, write_track

COLOURS = {1: (200, 30, 30), 2: (30, 200, 30), 3: (30, 30, 200)}
# camera, number, who, from frame, to frame (10 a second)
WALKS = (
    ("cam1", 1, 1, 1, 30),
    ("cam1", 2, 2, 11, 40),
    ("cam1", 3, 1, 61, 80),
    ("cam2", 1, 2, 121, 130),
    ("cam2", 2, 1, 125, 140),
    ("cam2", 3, 3, 126, 150),
)


def make_tracks(root: Path) -> tuple[list[Record], np.ndarray]:
    """A folder of tracks of three people in two cameras, and vectors that tell them apart."""
    rng = np.random.default_rng(0)
    records, vectors = [], []
    for camera, number, person, first, last in WALKS:
        folder = root / camera / f"{number:04d}"
        frames = []
        for frame in range(first, last + 1, 3):
            file = f"{frame:06d}.jpg"
            write_jpeg(folder / file, np.full((40, 20, 3), COLOURS[person], np.uint8))
            box = (float(frame), 10.0, 20.0, 40.0)
            frames.append(FrameRecord(frame, (frame - 1) / 10, box, 0.5, file, {}, True))
        track = TrackRecord(camera, number, f"{camera}.mp4", 10.0, None, "test", None, tuple(frames))
        write_track(folder, track)
        key = f"{camera}/{number:04d}"
        records.append(Record(key, camera, track.first, track.last, folder=folder, frames=len(frames)))
        vectors.append(np.eye(3)[person - 1] + 0.1 * rng.normal(size=3))
    return records, np.array(vectors, dtype=np.float32)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    records, vectors = make_tracks(tmp_path / "tracks")
    made = Gallery.open(tmp_path / "gallery", model=ModelFingerprint.bare(3))
    made.add(records, vectors)
    return made


def who(linking: Linking) -> dict[str, int]:
    truth = {f"{camera}/{number:04d}": person for camera, number, person, _, _ in WALKS}
    return {truth[key]: number for key, number in linking.numbers().items()}


def test_a_gallery_learns_who_its_tracklets_are(gallery: Gallery) -> None:
    linking = link_gallery(gallery, threshold=0.5)
    assert who(linking) == {1: 1, 2: 2, 3: 3}
    assert [len(group) for group in linking.persons] == [3, 2, 1]
    assert {record.key: record.person for record in gallery.records()} == linking.numbers()


def test_first_and_last_seen_per_camera(gallery: Gallery) -> None:
    linking = link_gallery(gallery, threshold=0.5)
    stays = [(s.person, s.camera, s.first, s.last, s.tracklets) for s in linking.appearances()]
    assert stays[:2] == [(1, "cam1", 0.0, pytest.approx(7.8), 2), (1, "cam2", 12.4, pytest.approx(13.9), 1)]
    assert len(stays) == 5
    table = persons_table(linking)
    assert "6 tracklets are 3 persons" in table
    assert "0:00:07.8" in table


def test_the_order_of_the_records_changes_nothing(tmp_path: Path) -> None:
    records, vectors = make_tracks(tmp_path)
    linking = link(records, vectors, threshold=0.5)
    order = [4, 2, 0, 5, 1, 3]
    again = link([records[i] for i in order], vectors[order], threshold=0.5)
    assert again == linking


def test_too_fast_between_cameras_is_somebody_else(gallery: Gallery) -> None:
    # Person 1 leaves cam1 after 7.8 s and comes into cam2 after 12.4 s; person 2 has 8.1 s for it.
    linking = link_gallery(gallery, threshold=0.5, travel={("cam1", "cam2"): 5.0})
    assert linking.numbers()["cam2/0002"] not in (
        linking.numbers()["cam1/0001"],
        linking.numbers()["cam1/0003"],
    )
    assert linking.numbers()["cam2/0001"] == linking.numbers()["cam1/0002"]


def test_what_is_written(gallery: Gallery, tmp_path: Path) -> None:
    linking = link_gallery(gallery, threshold=0.5)
    out = tmp_path / "out"
    written = write_linking(linking, out)
    assert {path.name for path in written} == {"persons.csv", "cam1.txt", "cam2.txt", "persons-01.png"}
    with (out / "persons.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "person": "1",
        "camera": "cam1",
        "first": "0.000",
        "last": "7.800",
        "tracklets": "2",
    }
    boxes = read_mot(out / "cam1.txt").rows
    assert {row.track for row in boxes} == {1, 2}
    assert len(boxes) == 10 + 10 + 7
    assert boxes[0].left == boxes[0].frame
    assert boxes[0].confidence == 0.5
    assert [(row.frame, row.track) for row in boxes] == sorted((row.frame, row.track) for row in boxes)


def test_the_contact_sheet_shows_everybodys_colour_in_their_row(gallery: Gallery, tmp_path: Path) -> None:
    linking = link_gallery(gallery, threshold=0.5)
    (page,) = write_contact_sheets(linking, tmp_path / "out")
    pixels = np.asarray(Image.open(page).convert("RGB")).astype(int)
    height = len(pixels) // 3
    for row, colour in enumerate(COLOURS.values()):
        part = pixels[row * height : (row + 1) * height]
        for other in COLOURS.values():
            near = (np.abs(part - np.array(other)).sum(axis=2) < 20).sum()
            assert (near > 500) == (other == colour)


def test_pages_and_lost_pictures(tmp_path: Path) -> None:
    records = [Record(f"cam1/{i:04d}", "cam1", folder=tmp_path / "gone") for i in range(40)]
    linking = Linking(tuple((record,) for record in records), 0.5)
    assert len(write_contact_sheets(linking, tmp_path / "out")) == 3
    with pytest.warns(UserWarning, match="8 of 40 persons are not on the contact sheets"):
        assert len(write_contact_sheets(linking, tmp_path / "few", most_pages=2)) == 2


def test_an_earlier_linkings_files_go_and_others_stay(gallery: Gallery, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    mine = {"cam1_notes.txt", "persons-07.png", "cam3.txt"}
    for name in mine:
        (out / name).write_bytes(b"mine")
    linking = link_gallery(gallery, threshold=0.5)
    first = {path.name for path in write_linking(linking, out)}
    assert "cam2.txt" in first
    one_camera = Linking(tuple(g for g in linking.persons if g[0].camera == "cam1"), 0.5)
    one_camera = Linking(tuple(tuple(r for r in g if r.camera == "cam1") for g in one_camera.persons), 0.5)
    write_linking(one_camera, out)
    left = {path.name for path in out.iterdir()}
    assert left == {"persons.csv", "cam1.txt", "persons-01.png", "linking.json"} | mine
    for damage in ('{"files": ["../gallery/gallery.sqlite", 3]}', '{"files": ["persons.csv", 3]}', "no json"):
        (out / "linking.json").write_text(damage)
        with pytest.raises(GalleryError, match="would overwrite files that it did not write"):
            write_linking(one_camera, out)
        assert (tmp_path / "gallery" / "gallery.sqlite").is_file()


@pytest.mark.parametrize("name", ["persons.csv", "cam1.txt", "persons-01.png", "linking.json"])
def test_other_peoples_files_are_not_written_over(gallery: Gallery, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.doc").write_text("mine")
    (out / name).write_text('{"files": ["thesis.doc"]}')
    linking = link_gallery(gallery, threshold=0.5)
    with pytest.raises(GalleryError, match=f"found: +{name}"):
        write_linking(linking, out)
    assert {path.name for path in out.iterdir()} == {"thesis.doc", name}
    assert (out / name).read_text() == '{"files": ["thesis.doc"]}'


def test_what_a_linking_that_was_cut_off_left_is_written_again(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linking = link_gallery(gallery, threshold=0.5)
    with monkeypatch.context() as patch:
        patch.setattr("stca.linking.outputs.write_contact_sheets", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_linking(linking, tmp_path / "out")
    assert (tmp_path / "out" / "cam1.txt").is_file()
    assert len(write_linking(linking, tmp_path / "out")) == 4


def test_two_videos_of_a_camera_get_a_file_each(tmp_path: Path) -> None:
    records = []
    for video in ("morning.mp4", "evening.mp4"):
        folder = tmp_path / video / "cam1" / "0001"
        write_jpeg(folder / "000001.jpg", np.zeros((40, 20, 3), np.uint8))
        frame = FrameRecord(1, 0.0, (0.0, 0.0, 20.0, 40.0), 1.0, "000001.jpg", {}, True)
        write_track(folder, TrackRecord("cam1", 1, video, 10.0, None, "test", None, (frame,)))
        records.append(Record(f"{video}/0001", "cam1", 0.0, 0.0, folder=folder))
    write_linking(Linking(((records[0],), (records[1],)), 0.5), tmp_path / "out")
    assert read_mot(tmp_path / "out" / "cam1_morning.txt").rows[0].track == 1
    assert read_mot(tmp_path / "out" / "cam1_evening.txt").rows[0].track == 2


def test_two_videos_of_one_name_get_a_file_each(tmp_path: Path) -> None:
    """Of one camera, in two folders of tracks: their frames have nothing to do with each other."""
    records = []
    for folder in ("monday", "tuesday"):
        place = tmp_path / folder / "0001"
        write_jpeg(place / "000001.jpg", np.zeros((40, 20, 3), np.uint8))
        frame = FrameRecord(1, 0.0, (0.0, 0.0, 20.0, 40.0), 1.0, "000001.jpg", {}, True)
        write_track(place, TrackRecord("cam1", 1, "v.mp4", 10.0, None, "test", None, (frame,)))
        records.append(Record(f"{folder}/0001", "cam1", 0.0, 0.0, folder=place))
    written = write_linking(Linking((tuple(records),), 0.5), tmp_path / "out")
    assert {"cam1_monday.txt", "cam1_tuesday.txt"} < {path.name for path in written}


def test_boxes_that_nobody_knows_are_counted(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 tracklets without a side file"):
        write_linking(Linking(((Record("cam1/0001", "cam1"),),), 0.5), tmp_path)


def test_travel_times_are_read(tmp_path: Path) -> None:
    path = tmp_path / "travel.csv"
    path.write_text("from,to,seconds\ncam2, cam1, 4.5\n\ncam1,cam9,2\n")
    with pytest.warns(UserWarning, match="cam9"):
        least = least_seconds(read_travel(path), ["cam1", "cam2"])
    np.testing.assert_array_equal(least, [[-np.inf, 4.5], [4.5, -np.inf]])


@pytest.mark.parametrize("line", ["cam1,cam2", "cam1,cam2,fast", "cam1,cam2,-1", "a,b,1\nb,a,2"])
def test_travel_times_that_make_no_sense(tmp_path: Path, line: str) -> None:
    path = tmp_path / "travel.csv"
    path.write_text(line)
    with pytest.raises(ConfigError, match="travel time"):
        read_travel(path)


def test_the_command(gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery.close()
    folder = str(tmp_path / "gallery")
    assert main(["link", folder]) == 1
    assert "stca calibrate" in capsys.readouterr().err
    assert main(["link", folder, "--threshold", "0.5", "--out", str(tmp_path / "out")]) == 0
    assert "3 persons" in capsys.readouterr().out
    assert (tmp_path / "out" / "persons-01.png").is_file()


def write_truth(root: Path) -> Path:
    """Of the walks, as `stca data make-scene` writes it: ids are the people."""
    for camera in ("cam1", "cam2"):
        walks = [walk for walk in WALKS if walk[0] == camera]
        rows = [
            MotRow(frame, person, float(frame), 10.0, 20.0, 40.0)
            for _, _, person, first, last in walks
            for frame in range(first, last + 1, 3)
        ]
        write_mot(root / camera / "gt" / "gt.txt", rows)
    return root


def test_the_command_scores_against_ground_truth(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackeval")
    gallery.close()
    truth = write_truth(tmp_path / "truth")
    words = ["link", str(tmp_path / "gallery"), "--threshold", "0.5", "--truth"]
    assert main([*words, str(truth)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == ["wrong merges: 0", "people with several numbers: 0"]
    assert said[-6].split() == ["ids", "IDF1", "HOTA"]
    association = ((10**2 + 7**2 + 6**2) / 23 + (10**2 + 4**2) / 14 + 9) / 46
    # Of 10 + 7 + 6, 10 + 4 and 9 boxes, the longest track of each person counts: 10 + 10 + 9 of 46.
    assert said[-5].split()[-3:] == ["6", f"{100 * 29 / 46:.1f}", f"{100 * np.sqrt(association):.1f}"]
    assert said[-4].split() == ["linked", "3", "100.0", "100.0"]
    assert "3 persons" in said[-3]
    (truth / "cam2").rename(truth / "yard")
    assert main([*words, str(truth)]) == 1
    assert "Some cameras have no ground truth" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "gallery")]) == 1
    assert "CAMERA/gt/gt.txt" in capsys.readouterr().err
    (truth / "cam1" / "gt" / "gt.txt").write_text("1,1,1,1,5,5,1,1,1\n1,x,1,1,5,5,1,1,1\n")
    assert main([*words, str(truth)]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_scoring_without_the_package_is_said_before_anything_is_written(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackeval", None)
    truth = write_truth(tmp_path / "truth")
    assert main(["link", str(gallery.path), "--threshold", "0.5", "--truth", str(truth)]) == 1
    assert "pip install trackeval" in capsys.readouterr().err
    assert all(record.person is None for record in gallery.records())


def test_the_gallery_is_written_last(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    words = ["link", str(gallery.path), "--threshold", "0.5"]
    assert main([*words, "--out", str(tmp_path / "file")]) == 1
    pytest.importorskip("trackeval")
    truth = write_truth(tmp_path / "truth")
    (truth / "cam2").rename(truth / "yard")
    assert main([*words, "--truth", str(truth), "--out", str(tmp_path / "out")]) == 1
    assert "Some cameras have no ground truth" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert all(record.person is None for record in gallery.records())


def test_wrong_calls(tmp_path: Path) -> None:
    record = Record("cam1/0001", "cam1")
    with pytest.raises(ConfigError, match="is a cosine"):
        link([record], np.ones((1, 3), np.float32), threshold=1.5)
    with pytest.raises(RankingError, match="Numbers of tracklets and vectors differ"):
        link([record], np.ones((2, 3), np.float32), threshold=0.5)
    with pytest.raises(GalleryError, match="nothing to link"):
        link_gallery(Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(3)), threshold=0.5)


def test_two_videos_of_a_camera_are_not_at_once(tmp_path: Path) -> None:
    """Both begin at 0, and nobody knows when that was."""
    times = {"first": 0.0, "last": 9.0}
    same, other = np.eye(3)[[0]], np.eye(3)[[1]]
    vectors = np.concatenate([same, same, other, same]).astype(np.float32)
    records = [
        Record("a/1", "cam1", **times, clock="a/a.mp4"),
        Record("b/1", "cam1", **times, clock="b/b.mp4"),
        Record("a/2", "cam1", **times, clock="a/a.mp4"),
        Record("c/1", "cam2", **times, clock="c/c.mp4"),
    ]
    assert not records[0].overlaps(records[1])
    linking = link(records, vectors, threshold=0.5)
    assert linking.numbers() == {"a/1": 1, "b/1": 1, "c/1": 1, "a/2": 2}
    assert [(s.camera, s.tracklets) for s in linking.appearances()][:3] == [
        ("cam1", 1),
        ("cam1", 1),
        ("cam2", 1),
    ]
    with pytest.warns(UserWarning, match="cam1: several videos"):
        assert link(records, vectors, threshold=0.5, travel={("cam1", "cam2"): 5.0}) == linking
    # One video each: taken to have begun together.
    linking = link(records[1::2], vectors[1::2], threshold=0.5, travel={("cam1", "cam2"): 5.0})
    assert linking.numbers()["b/1"] != linking.numbers()["c/1"]
    # On one clock of all, the same times are the same moments.
    known = [dataclasses.replace(record, clock="") for record in records[:2]]
    assert len(link(known, vectors[:2], threshold=0.5).persons) == 2


def test_which_clocks_compare() -> None:
    cameras = ["a", "a", "a", "b", "c", "c"]
    clocks = ["a/1", "a/2", "", "b/1", "", "c/1"]
    found = clock_groups(cameras, clocks).tolist()
    assert found[2] == found[4] == 0
    assert found[3] == found[5] == 1
    assert len(set(found)) == 4


def test_rows_are_those_of_tracks_txt_between_the_first_and_the_last_crop(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Which also has the frames without a crop; without such a file, or with another's, the crops' boxes."""
    linking = link_gallery(gallery, threshold=0.5)
    person = linking.numbers()["cam1/0001"]
    camera = tmp_path / "tracks" / "cam1"
    rows = [MotRow(f, n, 7.5, 10.0, 20.0, 40.0, 0.5) for n in (1, 2, 3) for f in range(1, 100)]
    write_mot(camera / "tracks.txt", rows)
    assert len(mot_rows(linking)["cam1"]) == 10 + 10 + 7, "not a file of stca track"
    (camera / "video.json").write_text("{}")
    found = mot_rows(linking)
    assert [row.frame for row in found["cam1"] if row.track == person] == [*range(1, 29), *range(61, 80)]
    assert {row.left for row in found["cam1"]} == {7.5}
    assert len(found["cam2"]) == 4 + 6 + 9
    write_mot(camera / "tracks.txt", [row for row in rows if row.track != 2])
    crops = [row for row in mot_rows(linking)["cam1"] if row.track == linking.numbers()["cam1/0002"]]
    assert [row.left for row in crops] == [row.frame for row in crops], "a track without rows"
    (camera / "tracks.txt").write_text("1,1,7.5,10,20,40,1,1,1\n2,1,x,10,20,40,1,1,1\n")
    with pytest.raises(DatasetError, match="damaged"):
        mot_rows(linking)


def test_an_id_is_once_in_a_frame_where_a_tracker_hands_over(tmp_path: Path) -> None:
    records = []
    for number, frames in ((1, range(1, 31)), (2, range(29, 61))):
        folder = tmp_path / "cam1" / f"{number:04d}"
        folder.mkdir(parents=True)
        seen = tuple(
            FrameRecord(frame, frame / 10, (float(number), 1.0, 9.0, 9.0), 0.5, f"{frame}.jpg", {}, True)
            for frame in frames
        )
        track = TrackRecord("cam1", number, "cam1.mp4", 10.0, None, "test", None, seen)
        write_track(folder, track)
        records.append(Record(f"cam1/{number:04d}", "cam1", track.first, track.last, folder=folder))
    linking = link(records, np.array([[1, 0.1], [1, 0]], np.float32), threshold=0.9)
    assert len(linking.persons) == 1, "they share a tenth of a second"
    rows = sorted(mot_rows(linking)["cam1"], key=lambda row: row.frame)
    assert [row.frame for row in rows] == list(range(1, 61))
    assert [row.left for row in rows] == [1.0] * 30 + [2.0] * 30
