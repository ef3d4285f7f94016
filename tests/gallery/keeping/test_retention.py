"""What expires, and what has no date."""

from pathlib import Path

import pytest

from kept_gallery import make_gallery, records_of
from made_gallery import FINGERPRINT, vectors
from stca.errors import GalleryError
from stca.gallery import Gallery, Record
from stca.gallery.keeping import expire
from stca.gallery.times import is_date

NOW = 1_800_000_000.0
DAY = 86_400.0


def ages(*days: float, camera: str = "door") -> list[Record]:
    return [Record(f"{camera}/{day:g}", camera, NOW - day * DAY - 60, NOW - day * DAY) for day in days]


def test_by_the_last_frame(tmp_path: Path) -> None:
    undated = [
        Record("door/none", "door"),
        Record("door/video", "door", 5.0, 9.0, clock="door/a.mp4"),
        Record("door/old", "door", 5.0, 9.0),  # galleries of before the column `clock`
    ]
    records = [*ages(1, 29.9, 30, 30.1, 400), *undated]
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        gallery.add(records, vectors(len(records)))
        would = expire(gallery, 30 * DAY, now=NOW, dry_run=True)
        assert len(gallery) == len(records)
        done = expire(gallery, 30 * DAY, now=NOW)
        assert would.forgotten.keys == done.forgotten.keys == ("door/30.1", "door/400")
        assert done.undated == ("door/none", "door/video", "door/old")
        assert [r.key for r in gallery.records()] == [
            *("door/1", "door/29.9", "door/30", "door/none", "door/video", "door/old")
        ]
        assert expire(gallery, 30 * DAY, now=NOW).forgotten.keys == ()
        assert gallery.add(ages(400), vectors(1)).added == 1, "not remembered"
        assert expire(gallery, DAY, now=NOW, remember=True).forgotten.keys == (
            *("door/29.9", "door/30", "door/400"),
        )
        assert gallery.add(ages(400), vectors(1)).forgotten == 1


def test_a_date_here_is_a_date_everywhere(tmp_path: Path) -> None:
    """What a page shows as a day expires, and what it shows as a time within a video does not."""
    times = [9.9e7, 1e8, 3e8, NOW, 2e11]
    records = [Record(f"door/{number}", "door", each, each) for number, each in enumerate(times)]
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        gallery.add(records, vectors(len(records)))
        done = expire(gallery, DAY, now=NOW + 2 * DAY, dry_run=True)
    assert [is_date(each) for each in times] == [False, True, True, True, False]
    assert done.undated == ("door/0", "door/4")
    assert done.forgotten.keys == ("door/1", "door/2", "door/3")


def test_by_camera(tmp_path: Path) -> None:
    records = [*ages(2, 10), *ages(2, 10, camera="yard"), *ages(2, 10, camera="hall")]
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        gallery.add(records, vectors(len(records)))
        done = expire(gallery, {"door": DAY, "yard": 5 * DAY, "cellar": DAY}, now=NOW)
        assert done.forgotten.keys == ("door/2", "door/10", "yard/10")
        with pytest.raises(GalleryError, match="some time"):
            expire(gallery, 0.0)


def test_crops_go_too(tmp_path: Path) -> None:
    with make_gallery(tmp_path) as gallery:
        assert len(expire(gallery, DAY, now=NOW).forgotten.keys) == 12
        assert len(gallery) == 0
    assert not list((tmp_path / "tracks").rglob("*.jpg"))
    with pytest.raises(Exception, match="No tracklets"):
        records_of(tmp_path / "tracks")
