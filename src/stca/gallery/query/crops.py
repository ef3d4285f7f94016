"""Choose and cut the crop of one person out of an image."""

from __future__ import annotations

import functools
import math
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from stca.errors import CheckpointError, ConfigError, GalleryError, StcaError
from stca.footage.images import RGB, write_jpeg
from stca.tracking import open_detector
from stca.tracking.detectors.detect import default_network
from stca.tracking.detectors.detections import Detector

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels of the displayed image."""

LEAST_SCORE = 0.5
"""Detections below this score are ignored."""
_LEAST_SIDE = 8
"""Pixels; the part of a box inside the image must be at least this wide and high."""
_LEAST_INSIDE = 0.25
"""Of a box's area; a person at the border of an image is cut off by less."""
_FARTHEST = 1e6
"""Pixels: larger coordinates are none."""
FILLS = 0.5
"""A person who covers this fraction of an image is the one who is meant."""
SMALL = 0.25
"""A person who covers less of an upright image than this is in a scene: crops may be cut loosely."""
_CROP_SHAPE, _CROP_PIXELS = 1.2, 2_000_000
"""Least height by width, and most pixels, of an image that may be a crop of a standing person."""

CHOOSE = "--box LEFT,TOP,WIDTH,HEIGHT (box=...) chooses a person"


def has_crop_shape(image: RGB) -> bool:
    """Whether the image is as high, wide and small as crops of standing people are."""
    height, width = int(image.shape[0]), int(image.shape[1])
    return height >= _CROP_SHAPE * width and height * width <= _CROP_PIXELS


def cut(image: RGB, box: Box, *, where: object) -> UInt8[np.ndarray, "h w 3"]:
    """The part of a box that is inside the image.

    Raises:
        ConfigError: that part is less than 8 pixels wide or high, or less than a quarter of the box.

    """
    inside = _inside(box, image)
    if inside is None:
        raise _not_inside(box, image, where)
    return np.ascontiguousarray(image[inside])


def _inside(box: Box, image: RGB) -> tuple[slice, slice] | None:
    """Rows and columns of the part inside the image; None where that is too little."""
    height, width = image.shape[:2]
    if not all(map(math.isfinite, box)) or max(map(abs, box)) > _FARTHEST:
        return None
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(width, round(box[0] + box[2])), min(height, round(box[1] + box[3]))
    if right - left < _LEAST_SIDE or bottom - top < _LEAST_SIDE:
        return None
    if (right - left) * (bottom - top) < _LEAST_INSIDE * box[2] * box[3]:
        return None
    return slice(top, bottom), slice(left, right)


def _not_inside(box: Box, image: RGB, where: object) -> ConfigError:
    height, width = image.shape[:2]
    return ConfigError(
        "A box is not in the image",
        expected=f"LEFT,TOP,WIDTH,HEIGHT within {width} x {height}, from {_LEAST_SIDE} pixels each way",
        found=format_box(box),
        where=where,
    )


def write_crop(work: Path, number: int, crop: RGB) -> Path:
    """Write a crop as `work/NUMBER.jpg`, at the quality of `stca track`."""
    path = work / f"{number:06d}.jpg"
    write_jpeg(path, crop)
    return path


def scene_detector() -> Detector:
    """The detector for images that may be scenes, where the user names none; opened once."""
    return _opened(default_network())


@functools.cache
def _opened(name: str) -> Detector:
    return open_detector(name)


def find_people(detector: Detector, image: RGB) -> list[Box]:
    """Boxes of the people in an image, highest score first.

    Scores below 0.5 are ignored, and people of whom too little for a crop is inside.

    Raises:
        ConfigError: the detector compares frames, so it cannot be used on single images.

    """
    if detector.stateful:
        raise ConfigError(
            "This detector needs a whole video",
            expected="a detection network (.onnx, .xml)",
            found=detector.name,
        )
    found = detector.detect(image)
    order = [i for i in np.argsort(-found.scores, kind="stable") if found.scores[i] >= LEAST_SCORE]
    boxes = [(float(a), float(b), float(c - a), float(d - b)) for a, b, c, d in found.boxes[order]]
    return [box for box in boxes if _inside(box, image) is not None]


def covers(box: Box, image: RGB) -> float:
    """The part of an image that a person's box covers."""
    height, width = image.shape[:2]
    return box[2] * box[3] / float(height * width)


def look_for_people(image: RGB) -> list[Box] | StcaError:
    """As `find_people` by the default detector; the error where no runtime for networks is installed.

    Raises:
        CheckpointError: the detector's file is damaged.

    """
    try:
        return find_people(scene_detector(), image)
    except CheckpointError:
        raise
    except StcaError as error:
        return error


def is_crop(image: RGB) -> bool:
    """Whether an image is a crop of one person, as far as its shape and the default detector tell.

    Raises:
        CheckpointError: the detector's file is damaged.

    """
    return has_crop_shape(image) and is_filled(look_for_people(image), image)


def is_filled(people: list[Box] | StcaError, image: RGB) -> bool:
    """Whether an upright image is a crop, by what `look_for_people` gave.

    It is one unless several people are found of whom nobody fills it, or one who is small. Where no network
    can be run, its shape decides.
    """
    if isinstance(people, StcaError):
        warnings.warn(
            f"no detector could look whether this is a crop of one person: {people.what}", stacklevel=2
        )
        return True
    parts = [covers(box, image) for box in people]
    return not parts or max(parts) >= FILLS or (len(parts) == 1 and parts[0] >= SMALL)


def person_box(people: list[Box], image: RGB, *, where: object) -> Box | None:
    """The box of the only person of an image; None: the image is a crop of that person.

    Raises:
        GalleryError: there is nobody, or more than one person.

    """
    height, width = image.shape[:2]
    whole = [box for box in people if covers(box, image) >= FILLS]
    if len(whole) == 1:
        return None if has_crop_shape(image) else whole[0]
    if len(people) == 1:
        return people[0]
    if not people:
        raise GalleryError(
            "The detector found nobody in a query image",
            expected=f"one person with a score of at least {LEAST_SCORE}",
            found=f"{width} x {height} pixels without a detection",
            where=where,
            hint=f"{CHOOSE}; --whole (whole=True) takes the image as a crop of one person",
        )
    raise GalleryError(
        "Several people are in a query image",
        expected="one person, or a box",
        found=f"{len(people)}: " + "; ".join(map(format_box, people[:8])),
        where=where,
        hint=f"{CHOOSE}, for example --box {format_box(people[0])}",
    )


def format_box(box: Box) -> str:
    """`100,50,60,160`, as `--box` takes it."""
    return ",".join(f"{value:.0f}" for value in box)
