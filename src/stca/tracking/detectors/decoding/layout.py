"""What a layout of a detection network's outputs is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

MIN_SCORE = 0.05
"""Boxes with a lower score are dropped: a tracker continues tracks with weak boxes, but not with those."""

Arrays = Sequence[np.ndarray]
"""The outputs of one run, in the order of the network's outputs."""

Size = tuple[int, int]
"""(height, width) of the network's input in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One output of a network: its name and an example of its values."""

    name: str
    array: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What a network returned for a plain grey image, and what its file says; layouts are told by it.

    Args:
        outputs: all outputs, batch included.
        size: (height, width) of the input in pixels.
        num_names: how many classes the file names; None where it names none.
        inputs: names of the inputs besides the image.
        forced: whether the user named the layout, so that values need not tell it from others.

    """

    outputs: tuple[Output, ...]
    size: Size
    num_names: int | None = None
    inputs: frozenset[str] = frozenset()
    forced: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes before non-maximum suppression.

    Args:
        boxes: (n, 4) float32: left, top, right, bottom in pixels of the network's input.
        scores: (n,) float32, from 0 to 1.

    """

    boxes: Float32[np.ndarray, "n 4"]
    scores: Float32[np.ndarray, " n"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the outputs of a network are read, and what networks of that kind expect as input.

    Args:
        name: the value of `--layout`.
        title: the family, for messages.
        read: (outputs, input size, person class) -> boxes of people with a score of at least MIN_SCORE.
        strongest: outputs -> class id and score of the most certain detection of any class.
        pixels: a key of `detectors.pixels.PIXELS`; None where networks with these outputs differ.
        resize: how an image fills the input, one of `detectors.pixels.RESIZES`.
        num_classes: class scores per box; None where the network returns class ids.
        person_classes: number of classes -> which is a person, for well-known data sets.
        assumed_person: class id of a person where the network returns ids and its file names no classes.
        contradiction: outputs for a real image -> why they cannot be of this layout, or None.

    """

    name: str
    title: str
    read: Callable[[Arrays, Size, int], Candidates]
    strongest: Callable[[Arrays], tuple[int, float]]
    pixels: str | None
    resize: str
    num_classes: int | None = None
    person_classes: Mapping[int, int] = field(default_factory=lambda: COCO_80)
    assumed_person: int | None = None
    contradiction: Callable[[Arrays], str | None] = lambda outputs: None


COCO_80: Mapping[int, int] = {1: 0, 80: 0, 365: 0}
"""A single class; COCO with 80 classes in a row; Objects365. Person is the first of each."""

COCO_91: Mapping[int, int] = {**COCO_80, 91: 1}
"""As COCO_80, and COCO's own category ids from 0 to 90, where person is 1."""

Match = Layout | str | None
"""A layout; or why outputs of the right shapes are not of it; or None where the shapes are others."""


def candidates(boxes: np.ndarray, scores: np.ndarray) -> Candidates:
    """Boxes and scores of any float type as Candidates."""
    return Candidates(np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(scores, np.float32))


def are_scores(values: np.ndarray) -> bool:
    """Whether all finite values lie between 0 and 1, with the tolerance of float16."""
    finite = values[np.isfinite(values)]
    return bool(((finite >= -1e-3) & (finite <= 1 + 1e-3)).all())


def strongest_of(scores: np.ndarray) -> tuple[int, float]:
    """Class id and value of the highest of (n, classes) scores; (0, 0.0) where there are none."""
    if not scores.size:
        return 0, 0.0
    best = int(np.nanargmax(np.where(np.isfinite(scores), scores, -1)))
    return best % scores.shape[1], float(scores.flat[best])
