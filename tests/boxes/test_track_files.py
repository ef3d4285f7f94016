"""Track files as trackers and data sets write them: the same two people from every one of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stca.boxes import PEDESTRIAN, MotFile, MotRow, read_mot
from stca.errors import DatasetError

BOXES = [  # frame from 1, track, left, top, width, height
    (frame, track, 10.0 * track + frame, 20.0, 30.0, 80.0) for frame in (1, 2, 3) for track in (1, 2)
]
WANTED = [MotRow(*box) for box in BOXES]


def lines(style: str, *, first: int = 1, separator: str = ",") -> str:
    """The two people by a pattern with names of columns."""
    text = ""
    for frame, track, left, top, width, height in BOXES:
        values = {
            "frame": frame - 1 + first, "track": track, "l": left, "t": top, "w": width, "h": height,
            "r": left + width, "b": top + height, "cx": left + width / 2, "cy": top + height / 2,
        }  # fmt: skip
        text += separator.join(style.format(**values).split()) + "\n"
    return text


def read(folder: Path, text: str | bytes, **options: int) -> MotFile:
    path = folder / "mine.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_mot(path, **options)


def places(file: MotFile) -> list[tuple[float, ...]]:
    return [(r.frame, r.track, r.left, r.top, r.width, r.height) for r in file.rows]


MOT = "{frame} {track} {l} {t} {w} {h} 1 -1 -1 -1"


@pytest.mark.parametrize("separator", [",", ", ", " ", "  ", "\t", ";", " ; "])
@pytest.mark.parametrize(
    "style", [MOT, "{frame} {track} {l} {t} {w} {h}", "{frame} {track} {l} {t} {w} {h} 1"]
)
def test_separators_and_numbers_of_columns(tmp_path: Path, style: str, separator: str) -> None:
    file = read(tmp_path, lines(style, separator=separator))
    assert file.rows == tuple(WANTED)
    assert file.broken == ()


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("\n", ",\n").encode(),
        lambda text: ("# made by a tracker\n// on a Monday\n\n" + text + "% the end\n").encode(),
        lambda text: ("frame,id,left,top,width,height,conf,x,y,z\n" + text).encode(),
        lambda text: ("# frame,id,bb_left,bb_top,bb_width,bb_height,conf,x,y,z\n" + text).encode(),
    ],
)
def test_encodings_line_ends_comments_and_headers(tmp_path: Path, encode: Callable[[str], bytes]) -> None:
    file = read(tmp_path, encode(lines(MOT)))
    assert file.rows == tuple(WANTED)
    assert file.broken == ()


def test_numbers_in_other_notations(tmp_path: Path) -> None:
    text = "1.0,1.000000000000000000e+00,1.1e1,2e1,+30.0,80.,1\n1,2.0,21,20,30,80,1.0E0\n"
    assert read(tmp_path, text).rows == tuple(WANTED[:2])
    assert read(tmp_path, "1;1;11,0;20,0;30,0;80,0;1,0\n").rows == tuple(WANTED[:1]), "decimal commas"


@pytest.mark.parametrize(
    "header_and_style",
    [
        ("frame_id track_id x1 y1 x2 y2 score", "{frame} {track} {l} {t} {r} {b} 1"),
        ("id frame xmin ymin xmax ymax", "{track} {frame} {l} {t} {r} {b}"),
        ("Frame Class ID x_center y_center width height", "{frame} person {track} {cx} {cy} {w} {h}"),
        ("frame_index target_id category x y w h", "{frame} {track} 0 {l} {t} {w} {h}"),
    ],
)
def test_a_header_decides_what_the_columns_are(tmp_path: Path, header_and_style: tuple[str, str]) -> None:
    header, style = header_and_style
    file = read(tmp_path, ",".join(header.split()) + "\n" + lines(style))
    assert places(file) == BOXES
    assert {row.class_id for row in file.rows} == {PEDESTRIAN}
    assert "header" in file.layout


def test_frames_from_0_are_renumbered(tmp_path: Path) -> None:
    file = read(tmp_path, lines(MOT, first=0))
    assert (file.rows, file.first_frame, file.frames_known) == (tuple(WANTED), 0, True)
    file = read(tmp_path, lines(MOT, first=1))
    assert (file.rows, file.first_frame, file.frames_known) == (tuple(WANTED), 1, True)


def test_frames_that_may_be_counted_from_0_or_1(tmp_path: Path) -> None:
    file = read(tmp_path, lines(MOT, first=5))
    assert not file.frames_known
    assert [row.frame for row in file.rows[::2]] == [5, 6, 7], "as MOTChallenge counts"
    file = read(tmp_path, lines(MOT, first=5), first_frame=0)
    assert file.frames_known
    assert [row.frame for row in file.rows[::2]] == [6, 7, 8]
    file = read(tmp_path, lines(MOT, first=0), first_frame=1)
    assert [row.frame for row in file.rows[::2]] == [1, 2]
    assert [reason.partition("mine.txt:")[2] for reason in file.broken] == [
        f"{line}: frame 0, but frames are counted from 1" for line in (1, 2)
    ]


@pytest.mark.parametrize("place", ["gt/gt.txt", "det/mine.txt", "tracks.txt"])
def test_places_that_show_the_first_frame(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(lines(MOT, first=5))
    if place.startswith("det"):
        (tmp_path / "seqinfo.ini").write_text("[Sequence]\n")
    if place.startswith("tracks"):
        (tmp_path / "video.json").write_text('{"finished": true}')
    file = read_mot(path)
    assert (file.first_frame, file.frames_known) == (1, True)


KITTI = "{frame} {track} Pedestrian 0 0 -1.57 {l} {t} {r} {b} 1.8 0.5 0.6 1.0 1.5 8.0 -1.5"


@pytest.mark.parametrize("score", ["", " 0.75"])
def test_kitti(tmp_path: Path, score: str) -> None:
    others = "0 7 Car 0 0 -1.57 1 1 90 50 1.8 0.5 0.6 1.0 1.5 8.0 -1.5" + score + "\n"
    others += "1 -1 DontCare -1 -1 -10 1 1 90 50 -1 -1 -1 -1000 -1000 -1000 -10" + score + "\n"
    others += "1 8 Person_sitting 0 2 -1.57 1 1 90 50 1.8 0.5 0.6 1.0 1.5 8.0 -1.5" + score + "\n"
    file = read(tmp_path, lines(KITTI + score, first=0, separator=" ") + others)
    people = [row for row in file.rows if row.class_id == PEDESTRIAN]
    assert [(r.frame, r.track, r.left, r.top, r.width, r.height) for r in people[:-1]] == BOXES
    assert people[-1].track == 8
    assert people[0].confidence == (0.75 if score else 1.0)
    assert file.broken == ()
    assert "KITTI" in file.layout
    late = read(tmp_path, lines(KITTI + score, first=5, separator=" "))
    assert (late.first_frame, late.frames_known, late.rows[0].frame) == (0, True, 6), "by definition"


def test_visdrone(tmp_path: Path) -> None:
    """Eight rows, of which four are cars: four persons."""
    text = lines("{frame} {track} {l} {t} {w} {h} 1 1 0 0").splitlines()[:4]
    text += [row.replace(",1,1,0,0", ",1,4,0,1") for row in text]
    text += ["3,9,5,5,20,40,1,2,1,2", "3,10,0,0,400,300,0,0,0,0"]
    file = read(tmp_path, "\n".join(text))
    assert [row.class_id == PEDESTRIAN for row in file.rows] == [True] * 4 + [False] * 4 + [True, False]
    assert "VisDrone" in file.layout
    results = read(tmp_path, lines("{frame} {track} {l} {t} {w} {h} 0.8 1 -1 -1"))
    assert "VisDrone" in results.layout
    assert places(results) == BOXES


@pytest.mark.parametrize("world", ["-1 -1 -1", "-4.15 -7.3 0", "0 0 0", "3.25 1.0 0"])
def test_ten_columns_of_mot15_are_not_taken_for_visdrone(tmp_path: Path, world: str) -> None:
    file = read(tmp_path, lines("{frame} {track} {l} {t} {w} {h} 1 " + world))
    assert "MOTChallenge" in file.layout
    assert [row.class_id for row in file.rows] == [PEDESTRIAN] * 6


def test_coco_classes_before_two_minus_ones(tmp_path: Path) -> None:
    text = lines("{frame} {track} {l} {t} {w} {h} 0.9 0 -1 -1") + "3,7,1,1,90,50,0.9,2,-1,-1\n"
    file = read(tmp_path, text)
    assert "VisDrone" not in file.layout
    assert places(file)[:6] == BOXES


@pytest.mark.parametrize(
    ("style", "confidence", "visibility", "car"),
    [
        ("{frame} {track} {l} {t} {w} {h} 0.912345 1 4", 0.912345, 1.0, "1,9,1,1,90,50,0.812345,3,11"),
        ("{frame} {track} {l} {t} {w} {h} 0.912345 1 -1", 0.912345, 1.0, "1,9,1,1,90,50,0.812345,3,-1"),
        ("{frame} {track} {l} {t} {w} {h} 1 0 0.912345", 0.912345, 1.0, "1,9,1,1,90,50,1,2,0.812345"),
        ("{frame} {track} {l} {t} {w} {h} 1 1 0.912345", 0.912345, 1.0, "1,9,1,1,90,50,1,3,0.812345"),
        ("{frame} {track} {l} {t} {w} {h} 1 1 0.9123", 1.0, 0.9123, "1,9,1,1,90,50,1,3,1"),  # MOT16
        ("{frame} {track} {l} {t} {w} {h} 1 1 1", 1.0, 1.0, "1,9,1,1,90,50,1,3,1"),  # DanceTrack, SportsMOT
        ("{frame} {track} {l} {t} {w} {h} 0.9 0 -1", 0.9, 1.0, "1,9,1,1,90,50,0.8,2,-1"),
    ],
)
def test_nine_columns(tmp_path: Path, style: str, confidence: float, visibility: float, car: str) -> None:
    file = read(tmp_path, lines(style) + car + "\n")
    people = [row for row in file.rows if row.class_id == PEDESTRIAN]
    assert [(r.frame, r.track, r.left, r.top, r.width, r.height) for r in people] == BOXES
    assert {(row.confidence, row.visibility) for row in people} == {(confidence, visibility)}


def test_nine_columns_without_a_class(tmp_path: Path) -> None:
    file = read(tmp_path, lines("{frame} {track} {l} {t} {w} {h} 0.9 -1 -1"))
    assert places(file) == BOXES
    assert {row.class_id for row in file.rows} == {PEDESTRIAN}


def test_eight_columns_with_a_class(tmp_path: Path) -> None:
    file = read(tmp_path, lines("{frame} {track} {l} {t} {w} {h} 0.9 0") + "1,9,1,1,90,50,0.8,2\n")
    assert [row.class_id == PEDESTRIAN for row in file.rows] == [True] * 6 + [False]


def test_a_row_that_was_cut_off_is_not_read_by_another_layout(tmp_path: Path) -> None:
    whole = lines("{frame} {track} {l} {t} {w} {h} 1 4 0 0") * 10 + "3,9,5,5,20,40,1,1,0,0\n"
    file = read(tmp_path, whole + "4,9,5,5,20,40,1")
    assert len(file.broken) == 1
    assert "7 columns, but other rows have 10" in file.broken[0]


def test_what_is_no_track_file(tmp_path: Path) -> None:
    for text in ("", "hello\nworld\n", "\x00\x01\x02\x03" * 50, "1 2 3,5 4,5 6,5 7,5 1"):
        with pytest.raises(DatasetError, match="No row of a tracks file"):
            read(tmp_path, text)
