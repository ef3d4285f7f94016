"""Which detector of the package a video needs, told by looking at its first minute.

Background subtraction (`motion`) is the better one where a camera stands still and every place is mostly free
of people: what always stands there is not taken for a person. Where the camera moves, people fill much of
the picture, or the video is too short to learn the background, it fails, and the network is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from stca.footage.images import RGB
from stca.footage.sources import Frame, Source
from stca.tracking.associate import motion_estimator
from stca.tracking.detectors.detect import PACKAGED, open_detector

SHORT = 20.0
"""Seconds; motion needs some ten to learn a background."""
CROWDED = 0.15
"""Part of the picture that people cover: TUD and a shop 0.19 to 0.28, rendered streets 0.07 to 0.08."""
MOVED = 0.002
"""Motion of the corners from a frame to the next, as a part of the width: fixed cameras have up to 0.0006."""
_SECONDS, _SAMPLES = 60.0, 12
_PAIRS = 3
"""From so many pairs on, one that is spoilt is not the median."""
_SURE = 0.5
_EDGES = 0.5
"""Quantile of the gradients from which on a pixel is of an edge."""
_BETTER = 0.8
"""Part of the difference at edges that is left at most: 0.3 to 0.7 where cameras moved, else 0.95 or more."""
_CELL = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """A detector for one video.

    Args:
        detector: `motion` or `person_mobile`.
        moving: whether the camera moves.
        why: in words.

    """

    detector: str
    moving: bool
    why: str

    @property
    def confirm(self) -> bool:
        """Whether the network must see a person in what was found: motion finds other things too."""
        return self.detector == "motion"


def choose_for(source: Source) -> Choice:
    """Look at pairs of frames of the first minute.

    Raises:
        StcaError: the video cannot be read, or a package is not installed.

    """
    if source.live:
        return Choice("motion", moving=False, why="a live camera, which is taken to stand still")
    detector = open_detector(PACKAGED)
    looked_at = min(_SECONDS * source.frame_rate, source.num_frames or np.inf)
    step = max(2, round(looked_at / _SAMPLES))
    covered: list[float] = []
    moved: list[float] = []
    last = 0.0
    before: Frame | None = None
    for number, frame in enumerate(source.frames()):
        last = frame.time
        if last > _SECONDS:
            break
        if number % step == step // 2 and len(covered) <= _SAMPLES:  # not at 0, which encoders may spoil
            found = detector.detect(frame.image)
            covered.append(_covered(found.boxes[found.scores >= _SURE], frame.image))
            before = frame
        elif before is not None:
            moved.append(_corners_moved(before.image, frame.image))
            before = None
    if len(moved) >= _PAIRS and float(np.median(moved)) > MOVED:
        return Choice(PACKAGED, moving=True, why="the camera moves")
    if last < SHORT:
        return Choice(PACKAGED, moving=False, why=f"{last:.0f} s are too short to learn a background")
    if len(moved) < _PAIRS:
        return Choice(PACKAGED, moving=False, why="its first minute has too few frames to tell")
    if float(np.median(covered)) > CROWDED:
        return Choice(PACKAGED, moving=False, why="people fill much of the picture")
    return Choice("motion", moving=False, why="the camera stands still")


def _covered(boxes: np.ndarray, image: RGB) -> float:
    """The part of an image that is covered by boxes."""
    height, width = image.shape[:2]
    mask = np.zeros((-(-height // _CELL), -(-width // _CELL)), bool)
    for left, top, right, bottom in (np.clip(boxes, 0, None) // _CELL).astype(int):
        mask[top : bottom + 1, left : right + 1] = True
    return float(mask.mean())


def _corners_moved(first: RGB, second: RGB) -> float:
    """How far a picture's corners move to the next one, by the median, as a part of its width.

    0 where moving the picture so explains the next one no better than leaving it: in a crowd, what is told
    to be the camera's motion is often people's.
    """
    height, width = first.shape[:2]
    estimator = motion_estimator(width)
    estimator.estimate(first)
    step = np.asarray(estimator.estimate(second), np.float64)
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    moved = float(np.median(np.abs(corners @ step.T - corners[:, :2]).max(axis=1)) / width)
    return moved if _explains(step, first, second) else 0.0


def _explains(step: Float64[np.ndarray, "2 3"], first: RGB, second: RGB) -> bool:
    """Whether a picture that is moved so fits the edges of the next one, and one at rest does not."""
    import cv2  # which comes with trackers, in the extra that tracking needs

    before, after = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in (first, second))
    height, width = before.shape
    edges = np.hypot(cv2.Sobel(after, cv2.CV_32F, 1, 0), cv2.Sobel(after, cv2.CV_32F, 0, 1))
    strong = edges >= np.quantile(edges, _EDGES)
    still = np.median(np.abs(after - before)[strong])
    moved = np.median(np.abs(after - cv2.warpAffine(before, step, (width, height)))[strong])
    return bool(moved < _BETTER * still)
