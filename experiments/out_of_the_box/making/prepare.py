"""Crops that are cut or rendered once: people in the two free videos and the shop, and our own walkers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stca.footage.images import write_jpeg
from stca.footage.video import read_video
from stca.tracking.detectors.detect import open_detector
from stca.walkers import make_walkers

FOOTAGE = {
    "intel_ccby/one-by-one-person-detection.mp4": 5,
    "intel_ccby/people-detection.264": 4,
    "nvidia_retail/Retail02_short.mp4": 6,
}
"""Videos, and every how many frames people are looked for."""
WALKERS = 120
_LEAST_HEIGHT = 80
_LEAST_SCORE = 0.5


def prepare(shared: Path, work: Path) -> None:
    """Leave the crops in `work/video` and `work/walkers`, once."""
    cut_footage(shared, work / "video")
    render_walkers(work / "walkers")


def render_walkers(out: Path, *, persons: int = WALKERS, frames: int = 3, seed: int = 77) -> None:
    """Render people of our own into `out`, so many crops from each of up to four cameras; once."""
    make_walkers(
        out,
        train_persons=persons,
        test_persons=2,
        cameras=4,
        tracklets_per_camera=(1, 1),
        frames=(frames, frames),
        size=(256, 128),
        seed=seed,
        workers=1,
    )


def cut_footage(shared: Path, out: Path) -> int:
    """Cut people out of the free videos into `out`, once; returns how many crops there are."""
    for name, every in FOOTAGE.items():
        video, detector = shared / "video" / name, shared / "weights/detector/yolox_nano.onnx"
        once(out / video.stem, partial(_cut_video, video, every, detector))
    return sum(1 for _ in out.rglob("*.jpg"))


def once(folder: Path, make: Callable[[Path], None]) -> None:
    """Fill a folder that is not there; it takes its name when it is complete."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        new = Path(unfinished) / folder.name
        new.mkdir()
        make(new)
        shutil.move(new, folder)


def _cut_video(video: Path, every: int, detector_path: Path, folder: Path) -> None:
    """All crops of one video."""
    detector = open_detector(str(detector_path))
    for number, frame in enumerate(read_video(video), start=1):
        if number % every:
            continue
        found = detector.detect(frame)
        for row, (box, score) in enumerate(zip(found.boxes, found.scores, strict=True)):
            left, top, right, bottom = (round(float(side)) for side in box)
            high, wide = bottom - top, right - left
            if score < _LEAST_SCORE or high < _LEAST_HEIGHT or not 1.4 <= high / max(wide, 1) <= 4:
                continue
            crop = frame[max(0, top) : bottom, max(0, left) : right]
            write_jpeg(folder / f"{number:05d}_{row}.jpg", crop)
