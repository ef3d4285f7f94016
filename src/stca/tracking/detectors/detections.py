"""The interface of a person detector: an image in, boxes around people out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from stca.footage.images import RGB

Boxes = Float32[np.ndarray, "n 4"]
Scores = Float32[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The people found in one image.

    Args:
        boxes: (n, 4) float32: left, top, right, bottom, in pixels of the image; may reach beyond it.
        scores: (n,) float32, from 0 to 1.

    """

    boxes: Boxes
    scores: Scores

    def __len__(self) -> int:
        return len(self.scores)


NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@runtime_checkable
class Detector(Protocol):
    """Finds people in images.

    Attributes:
        name: recorded with the tracks.
        stateful: whether a result depends on earlier images; images must then be passed in order, each
            once. Other detectors may be called from several threads at once.

    """

    name: str
    stateful: bool

    def detect(self, image: RGB) -> Detections:
        """Find the people in one (H, W, 3) uint8 RGB image."""
        ...
