"""A gallery of people who walked past two cameras, made by `stca find` from rendered videos."""

from __future__ import annotations

from pathlib import Path

from stca.find import FindOptions, find_people
from stca.gallery import Calibration, Gallery
from stca.tracking import TrackOptions
from street import Walker, write_street

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)


def street_gallery(root: Path) -> tuple[Path, Path]:
    """Red and blue walk past a door, blue and green past a yard; (gallery, videos)."""
    videos = root / "videos"
    videos.mkdir()
    write_street(videos / "door.avi", [Walker(RED, 30, 200, 2.5), Walker(BLUE, 290, 120, -2.5)], 40)
    write_street(videos / "yard.avi", [Walker(BLUE, 30, 210, 2.5), Walker(GREEN, 290, 130, -2.5)], 40)
    options = FindOptions(
        tracking=TrackOptions(detector="street:colours"),
        model="colour_histogram",
        threshold=0.5,
        device="cpu",
        precision="float32",
        workers=0,
    )
    find_people([str(videos / "door.avi"), str(videos / "yard.avi")], root / "out", options)
    with Gallery.open(root / "out" / "gallery") as made:
        made.set_calibration(Calibration(0.5, 0.01, "labels", 10, 10, 10, 0.9, 0.9, 0.95))
    return root / "out" / "gallery", videos
