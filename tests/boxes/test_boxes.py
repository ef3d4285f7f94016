from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.boxes import MotRow, crop, overlaps, read_mot, write_mot
from stca.errors import DatasetError


def test_columns_of_both_kinds(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(
        "\ufeff1,9,499,158,31.03,75.17,1,-4.15,-7.3,0\n"  # MOT15: world coordinates, not class and visibility
        "\n"
        "2, 3, 912, 484, 97, 109, 0, 7, 0.25\r\n"  # MOT16 and later
        "3,4,1,2,3,4,0.9\n",
        encoding="utf-8",
    )
    file = read_mot(path)
    assert file.broken == ()
    assert file.rows == (
        MotRow(1, 9, 499.0, 158.0, 31.03, 75.17, 1.0, class_id=1, visibility=1.0),
        MotRow(2, 3, 912.0, 484.0, 97.0, 109.0, 0.0, class_id=7, visibility=0.25),
        MotRow(3, 4, 1.0, 2.0, 3.0, 4.0, 0.9),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,2,3", "3 columns instead of at least 6"),
        ("1,2,3,4,five,6,1", "no number"),
        ("1,2,3,4,nan,6,1", "not finite"),
        ("-1,2,3,4,5,6,1", "frames are whole numbers from 0 or 1"),
        ("1e10,2,3,4,5,6,1", "frames are whole numbers from 0 or 1 to 1000000000"),
        ("1,1e300,3,4,5,6,1", "tracks are whole numbers from 0 below 2^63"),
        ("1,9223372036854775808,3,4,5,6,1", "tracks are whole numbers from 0 below 2^63"),
        ("1.5,2,3,4,5,6,1", "frames are whole numbers from 0 or 1"),
        ("1,-1,3,4,5,6,1", "tracks are whole numbers from 0"),
        ("1,2,3,4,-5,6,1", "a box of -5 x 6 pixels"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(f"1,1,1,1,9,9,1\n{line}\n")
    file = read_mot(path)
    assert len(file.rows) == 1
    assert file.broken[0].startswith(f"{path}:2: ")
    assert why in file.broken[0]
    path.write_text(line)
    with pytest.raises(DatasetError, match="No row"):
        read_mot(path)


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        read_mot(tmp_path / "gt.txt")
    (tmp_path / "gt.txt").touch()
    with pytest.raises(DatasetError, match="an empty file"):
        read_mot(tmp_path / "gt.txt")


hundredths = st.integers(-99999, 99999).map(lambda n: n / 100)
positive = st.integers(1, 99999).map(lambda n: n / 100)
rows = st.builds(
    MotRow, st.integers(1, 999), st.integers(0, 999), hundredths, hundredths, positive, positive,
    st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 12), st.sampled_from([0.0, 0.25, 1.0]),
)  # fmt: skip


@given(st.lists(rows, min_size=1, max_size=5))
def test_written_rows_are_read_back(tmp_path_factory: pytest.TempPathFactory, written: list[MotRow]) -> None:
    path = tmp_path_factory.mktemp("mot") / "gt.txt"
    write_mot(path, written)
    assert read_mot(path).rows == tuple(written)


@given(
    left=st.integers(-30, 30), top=st.integers(-30, 30), width=st.integers(1, 40), height=st.integers(1, 40)
)
def test_crop_is_what_pixel_by_pixel_gives(left: int, top: int, width: int, height: int) -> None:
    H, W = 17, 23
    image = np.random.default_rng(0).integers(0, 255, (H, W, 3), dtype=np.uint8)
    slow = [
        [image[y, x] for x in range(left, left + width) if 0 <= x < W]
        for y in range(top, top + height)
        if 0 <= y < H
    ]
    fast = crop(image, MotRow(1, 1, *map(float, (left, top, width, height))))
    assert fast.shape[:2] == (len(slow), len(slow[0]) if slow else fast.shape[1])
    if fast.size:
        np.testing.assert_array_equal(fast, np.array(slow))


def test_overlap_of_all_pairs() -> None:
    box = np.array([[1.0, 10, 21, 60]])
    others = np.array([[1.0, 10, 21, 60], [1, 35, 21, 85], [500, 10, 520, 60]])
    assert overlaps(box, others).tolist() == [[1.0, 1 / 3, 0.0]]
