"""Average precision of person detectors on real streets, for validation only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from experiments.out_of_the_box.detector.network import SIZE, BestBoxes, PersonDetector
from experiments.out_of_the_box.teaching.curve import Curve
from jaxtyping import Float32

from stca.boxes import MotRow, read_mot
from stca.boxes.geometry import overlaps
from stca.footage.images import RGB, read_image
from stca.footage.video import read_video
from stca.linking.scores import corners, rows_by_frame
from stca.tracking.detectors.decoding import suppress
from stca.tracking.detectors.decoding.layout import MIN_SCORE
from stca.tracking.detectors.detections import Detections
from stca.tracking.detectors.pixels import PIXELS, prepare

Detect = Callable[[RGB], Detections]
_EVERY = {"TUD-Campus": 5, "TUD-Stadtmitte": 10}
_VISIBLE = 0.3
_LIKE_PEOPLE = (2, 7, 8, 12)
"""Classes of MOT17 that do not count: on vehicles, standing still, distractors, reflections."""
_MATCH = 0.5


@dataclass(frozen=True, eq=False)
class Sighting:
    """A frame; boxes that should be found, and boxes of which nothing is said."""

    image: RGB
    people: Float32[np.ndarray, "n 4"]
    ignored: Float32[np.ndarray, "m 4"]


def validation_frames(shared: Path) -> dict[str, list[Sighting]]:
    """Frames of `tud` and `mot17_mini` by sequence."""
    frames = {name: list(_of_video(shared / "video/tud" / name, every)) for name, every in _EVERY.items()}
    for folder in sorted((shared / "video/mot17_mini").iterdir()):
        frames[folder.name.removesuffix("-FRCNN")] = list(_of_folder(folder))
    return frames


def average_precision(detect: Detect, frames: Sequence[Sighting]) -> float:
    """Area below precision over recall, both at an overlap (IoU) of one half, in percent."""
    scores, right, people = [], [], 0
    for sighting in frames:
        found = detect(sighting.image)
        order = np.argsort(-found.scores, kind="stable")
        people += len(sighting.people)
        free = np.ones(len(sighting.people), bool)
        for box, score in zip(found.boxes[order], found.scores[order], strict=True):
            same = overlaps(box[None], sighting.people)[0] * free if len(free) else np.zeros(0)
            if len(free) and same.max() >= _MATCH:
                free[int(np.argmax(same))] = False
                right.append(1.0)
            elif len(sighting.ignored) and overlaps(box[None], sighting.ignored).max() >= _MATCH:
                continue
            else:
                right.append(0.0)
            scores.append(float(score))
    hits = np.array(right)[np.argsort(-np.array(scores), kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return 100 * float((best * hits).sum() / max(1, people))


def detect_with(model: PersonDetector) -> Detect:
    """The shipped form of a network, in PyTorch."""
    rows = BestBoxes(model).eval()

    @torch.no_grad()
    def detect(image: RGB) -> Detections:
        seen, scale = prepare(image, SIZE, PIXELS["unit-rgb"], "letterbox")
        found = rows(torch.from_numpy(seen)[None])[0].numpy()
        found = found[found[:, 4] >= MIN_SCORE]
        people = suppress(found[:, :4], found[:, 4])
        return Detections(people.boxes / scale, people.scores)

    return detect


def detector_curve(shared: Path, out: Path, model: PersonDetector) -> Curve:
    """Scores the mean of the weights on every sequence, for the lines of `curve.csv`."""
    sequences = validation_frames(shared)

    def figures(losses: Sequence[float]) -> dict[str, object]:
        cv2.setNumThreads(1)
        detect = detect_with(model)
        found = {name: round(average_precision(detect, frames), 1) for name, frames in sequences.items()}
        parts = zip(("loss", "middles", "boxes"), losses, strict=True)
        return {
            **{name: round(loss, 4) for name, loss in parts},
            **found,
            "mean": round(float(np.mean(list(found.values()))), 2),
        }

    return Curve(out / "curve.csv", figures)


def _of_video(folder: Path, every: int) -> Iterator[Sighting]:
    truth = rows_by_frame(read_mot(folder / "gt.txt").rows)
    for number, frame in enumerate(read_video(folder / f"{folder.name}.mp4"), start=1):
        if number % every == 0:
            yield _sighting(frame, truth.get(number, []))


def _of_folder(folder: Path) -> Iterator[Sighting]:
    truth = rows_by_frame(read_mot(folder / "gt" / "gt.txt").rows)
    for number, path in enumerate(sorted((folder / "img1").iterdir()), start=1):
        yield _sighting(read_image(path), truth.get(number, []))


def _sighting(image: RGB, rows: Sequence[MotRow]) -> Sighting:
    boxes = corners(rows).astype(np.float32)
    people = np.array([row.confidence > 0 and row.class_id == 1 for row in rows], bool)
    counts = people & np.array([row.visibility >= _VISIBLE for row in rows], bool)
    alike = np.array([row.class_id in _LIKE_PEOPLE for row in rows], bool)
    return Sighting(image, boxes[counts], boxes[(people | alike) & ~counts])
