"""External tracks: which rows are used, and what is asked where the file does not show it."""

from pathlib import Path

import pytest

from stca.boxes import read_mot
from stca.errors import ConfigError, DatasetError
from stca.tracking import TrackOptions, write_tracks
from stca.tracking.external_tracks import read_external_tracks
from stca.tracks import find_tracklets
from street import Walker, finish, write_street

pytest.importorskip("av")

RED = (190, 40, 50)
FRAMES = 30


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, float]]]:
    """A video with one walker, and (frame from 1, left) of every box."""
    path = tmp_path_factory.mktemp("street") / "v.avi"
    rows = write_street(path, [Walker(RED, 30, 200, 8, first=1, last=FRAMES)], FRAMES)
    return path, [(row.frame, row.left) for row in rows]


def test_boxes_of_a_file_that_counts_from_0_lie_on_their_frames(
    street: tuple[Path, list[tuple[int, float]]], tmp_path: Path
) -> None:
    """Case 14: the same crops and rows, whichever number the first frame has; nothing is lost."""
    video, places = street
    got = []
    for first in (0, 1):
        path = tmp_path / f"from{first}.txt"
        path.write_text("".join(f"{f - 1 + first},1,{left},140,22,60,1\n" for f, left in places))
        finish(write_tracks(video, tmp_path / str(first), TrackOptions(tracks=path)))
        (found,) = find_tracklets(tmp_path / str(first))
        got.append([(frame.frame, frame.box) for frame in found.record.frames])
        assert len(read_mot(tmp_path / str(first) / "v" / "tracks.txt").rows) == len(places)
    assert got[0] == got[1]
    assert [frame for frame, _ in got[0]] == [frame for frame, _ in places]


@pytest.mark.parametrize(("first", "answer"), [(None, None), (0, 6), (1, 5)])
def test_the_first_frame_is_asked_for_where_the_file_does_not_show_it(
    street: tuple[Path, list[tuple[int, float]]], tmp_path: Path, first: int | None, answer: int | None
) -> None:
    path = tmp_path / "late.txt"
    path.write_text("".join(f"{f},1,{10 * f},140,22,60,1\n" for f in range(5, 20)))
    options, out = TrackOptions(tracks=path, first_frame=first), tmp_path / "out"
    if answer is None:
        with pytest.raises(
            ConfigError, match=r"frames 5 to 19, of a video with 30 frames(.|\n)*--first-frame 0"
        ):
            finish(write_tracks(street[0], out, options))
        assert not out.exists()
        return
    finish(write_tracks(street[0], out, options))
    assert find_tracklets(out)[0].record.frames[0].frame == answer


def test_a_row_of_the_last_frame_shows_that_frames_count_from_1(tmp_path: Path) -> None:
    path = tmp_path / "late.txt"
    path.write_text("".join(f"{f},1,{10 * f},140,22,60,1\n" for f in range(5, 31)))
    assert min(read_external_tracks(path, num_frames=30).boxes) == 5
    with pytest.raises(ConfigError, match="--first-frame"):
        read_external_tracks(path, num_frames=31)
    with pytest.raises(ConfigError, match="--first-frame"):
        read_external_tracks(path)


def test_what_the_file_was_taken_for_is_said_and_recorded(
    street: tuple[Path, list[tuple[int, float]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vis.txt"
    rows = [f"{f},1,{10 * f},140,22,60,1,1,0,0\n{f},2,5,5,60,30,1,4,0,0\n" for f in range(1, 9)]
    path.write_text("".join(rows))
    finish(write_tracks(street[0], tmp_path / "out", TrackOptions(tracks=path), show=True))
    said = "VisDrone (10 columns; classes 1 and 2 of the eighth are persons); frames counted from 1; "
    said += "8 of 16 rows used"
    assert f"vis.txt: {said}\n" in capsys.readouterr().err
    video = (tmp_path / "out" / "v" / "video.json").read_text()
    assert f'"tracks_read_as": "{said}"' in video
    assert '"boxes_refer_to": "displayed frames"' in video


def test_only_cars(tmp_path: Path) -> None:
    path = tmp_path / "cars.txt"
    path.write_text("1,1,10,140,90,60,1,4,0,0\n2,1,10,140,90,60,1,5,0,0\n")
    with pytest.raises(DatasetError, match=r"of a person(.|\n)*2 rows of other objects; read as VisDrone"):
        read_external_tracks(path)


def test_boxes_as_fractions_of_the_frame(tmp_path: Path) -> None:
    path = tmp_path / "yolo.txt"
    path.write_text("1,1,0.1,0.2,0.05,0.3,1\n2,1,0.11,0.2,0.05,0.3,1\n")
    with pytest.raises(DatasetError, match="not in pixels"):
        read_external_tracks(path)


def test_boxes_that_look_like_corners(tmp_path: Path) -> None:
    path = tmp_path / "corners.txt"
    path.write_text("".join(f"{f},1,{300 + f},140,{330 + f},220,1\n" for f in range(1, 20)))
    with pytest.warns(UserWarning, match="left, top, right, bottom"):
        read_external_tracks(path)


def test_a_first_frame_that_is_neither() -> None:
    with pytest.raises(ConfigError, match="0 or 1"):
        TrackOptions(first_frame=2)
