"""Zones and masks as polygons."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.errors import ConfigError
from stca.tracking import Region, TrackOptions, write_tracks
from stca.tracking.regions import is_masked
from stca.tracks import find_tracklets
from street import Walker, finish, write_street

SQUARE = Region(((10, 10), (30, 10), (30, 50), (10, 50)))
ARROW = Region(((0, 0), (40, 20), (0, 40), (15, 20)))  # with a corner that points inwards


def test_points_of_a_polygon_with_an_inward_corner() -> None:
    points = np.array([[5.0, 20], [20, 20], [38, 20], [41, 20], [8, 8], [8, 35], [20, 2]])
    assert ARROW.contains(points).tolist() == [False, True, True, False, True, True, False]


@given(x=st.floats(-10, 60), y=st.floats(-10, 60))
def test_a_rectangle_contains_what_lies_between_its_sides(x: float, y: float) -> None:
    near_a_side = min(abs(x - 10), abs(x - 30), abs(y - 10), abs(y - 50)) < 1e-9
    if not near_a_side:
        assert SQUARE.contains(np.array([[x, y]]))[0] == (10 < x < 30 and 10 < y < 50)


def test_boxes_are_masked_by_more_than_half() -> None:
    boxes = np.array([[10.0, 10, 30, 50], [12, 10, 32, 50], [22, 10, 42, 50], [100, 10, 120, 50]])
    assert is_masked(boxes, [SQUARE]).tolist() == [True, True, False, False]
    halves = [Region(((0, 0), (20, 0), (20, 99), (0, 99))), Region(((20, 0), (26, 0), (26, 99), (20, 99)))]
    assert is_masked(boxes, halves).tolist() == [True, True, False, False], "together"
    assert is_masked(boxes, []).tolist() == [False] * 4


@pytest.mark.parametrize(
    "points", [(), ((1, 1), (2, 2)), ((1, 1), (2, 2), (3, 3)), ((0, 0), (1, 0), (float("nan"), 1))]
)
def test_what_is_no_region(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ConfigError, match="polygon"):
        Region(points)


@pytest.mark.parametrize("detector", ["street:colours", "tracks"])
def test_nobody_is_found_in_a_mask(tmp_path: Path, detector: str) -> None:
    pytest.importorskip("av")
    pytest.importorskip("trackers")
    rows = write_street(
        tmp_path / "v.avi", [Walker((190, 40, 50), 60, 200, 0), Walker((40, 60, 190), 250, 200, 0)], 20
    )
    path = tmp_path / "mine.txt"
    path.write_text("".join(f"{r.frame},{r.track},{r.left},{r.top},{r.width},{r.height},1\n" for r in rows))
    mask = Region(((0, 0), (160, 0), (160, 240), (0, 240)))
    how = {"tracks": path} if detector == "tracks" else {"detector": detector}
    finish(write_tracks(tmp_path / "v.avi", tmp_path / "out", TrackOptions(**how, masks=(mask,))))
    (found,) = find_tracklets(tmp_path / "out")
    assert all(frame.box[0] > 200 for frame in found.record.frames)
    with pytest.raises(ConfigError, match=r"other options\n(.*\n)*.*masks: not given"):
        finish(write_tracks(tmp_path / "v.avi", tmp_path / "out", TrackOptions(**how)))
    finish(write_tracks(tmp_path / "v.avi", tmp_path / "all", TrackOptions(**how)))
    assert len(find_tracklets(tmp_path / "all")) == 2
