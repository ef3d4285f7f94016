"""What scenes are mixed from, made once: cut-out people, frames of free videos, rendered scenes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from experiments.out_of_the_box.making.material import at_most
from experiments.out_of_the_box.making.prepare import FOOTAGE, once

from stca.boxes import read_mot
from stca.footage.images import read_image, write_jpeg
from stca.footage.video import read_video
from stca.linking.scores import corners, rows_by_frame
from stca.walkers.making_scene import make_scene

_FRAMES = 100
"""Of every free video, evenly spaced."""
_LONGEST = 832
SCENE_SEED = 7707
"""Of the rendered people: others than those of any scene that is measured on."""


def prepare_scenes(shared: Path, work: Path) -> None:
    """Leave `work/cutouts`, `work/frames` and `work/rendered`."""
    once(work / "cutouts", lambda folder: _cut_out(shared, folder))
    once(work / "frames", lambda folder: _take_frames(shared, folder))
    once(work / "rendered", lambda folder: _render(work, folder))


def _cut_out(shared: Path, folder: Path) -> None:
    for path in sorted((shared / "people").glob("*.jpg")):
        picture = read_image(path)
        alpha = silhouette(picture)
        if alpha is None:
            alpha = _soft_rectangle(picture)
        rows, columns = np.flatnonzero((alpha > 127).any(axis=1)), np.flatnonzero((alpha > 127).any(axis=0))
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        whole = np.dstack((picture[..., ::-1], alpha))[part]
        cv2.imwrite(str(folder / f"{path.stem}.png"), whole)


def _soft_rectangle(picture: np.ndarray) -> np.ndarray:
    """The whole crop, fading at its edges."""
    height, width = picture.shape[:2]
    across = np.minimum(np.arange(width), np.arange(width)[::-1]) / (0.12 * width)
    down = np.minimum(np.arange(height), np.arange(height)[::-1]) / (0.04 * height)
    return (255 * np.clip(np.minimum(across[None], down[:, None]), 0, 1)).astype(np.uint8)


def silhouette(picture: np.ndarray) -> np.ndarray | None:
    """How much of every pixel is the person's, from 0 to 255, told by colours; None where that fails."""
    height, width = picture.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    for row, column, high, wide, value in (
        (0.50, 0.5, 0.50, 0.44, cv2.GC_PR_FGD),
        (0.10, 0.5, 0.08, 0.10, cv2.GC_FGD),
        (0.33, 0.5, 0.18, 0.17, cv2.GC_FGD),
    ):
        centre = (round(column * width), round(row * height))
        cv2.ellipse(mask, centre, (round(wide * width), round(high * height)), 0, 0, 360, int(value), -1)
    mask[:, 0] = mask[:, -1] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(
        picture[..., ::-1].copy(), mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK
    )
    inside = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    number, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if number < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    inside = (labels == largest).astype(np.uint8)
    inside = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    rows = np.flatnonzero(inside.any(axis=1))
    if inside.mean() < 0.2 or len(rows) < 0.85 * height:
        return None
    return cv2.GaussianBlur(inside * 255, (0, 0), 1.0)


def _take_frames(shared: Path, folder: Path) -> None:
    for name in FOOTAGE:
        frames = sum(1 for _ in read_video(shared / "video" / name))
        wanted = set(np.linspace(0, frames - 1, _FRAMES).round().astype(int).tolist())
        for number, frame in enumerate(read_video(shared / "video" / name)):
            if number in wanted:
                write_jpeg(folder / f"{Path(name).stem}_{number:05d}.jpg", at_most(frame, _LONGEST))


def _render(work: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=work) as temporary:
        scene = make_scene(
            Path(temporary) / "scene",
            cameras=4,
            persons=40,
            seconds=12,
            height=432,
            seed=SCENE_SEED,
            workers=1,
        )
        for video in sorted(scene.glob("cam*/cam*.mp4")):
            truth = rows_by_frame(read_mot(video.parent / "gt" / "gt.txt").rows)
            for number, frame in enumerate(read_video(video), start=1):
                if number % 6:
                    continue
                rows = truth.get(number, [])
                people = np.column_stack((corners(rows), [row.visibility for row in rows]))
                write_jpeg(folder / f"{video.stem}_{number:05d}.jpg", frame)
                np.savetxt(folder / f"{video.stem}_{number:05d}.txt", people, fmt="%.2f")
