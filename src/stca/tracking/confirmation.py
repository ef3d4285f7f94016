"""Whether a track is of a person: what moves may be a car, waving grass, a caption, or light on a wall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from stca.footage.images import RGB, read_image
from stca.tracking.detectors.detect import PACKAGED, open_detector

LOOKS = 5
"""Crops that are looked at before a track counts as nobody's; the first with a person in it is enough."""
LEAST_SCORE = 0.2
"""On every track of people whom motion found, one crop of three had 0.3; walls and floors had at most 0.1."""
_LEAST_PART = 0.15
"""Of a crop, that the person covers: others may pass in the margin, and groups are cut out whole."""
_MARGIN = 0.35
"""Of a crop's height, around it: the network has learnt from people who do not fill the picture."""


class Confirmation:
    """Looks for people in crops, by the network in the package.

    Raises:
        StcaError: a runtime is not installed, or the network is damaged.

    """

    def __init__(self) -> None:
        self._detector = open_detector(PACKAGED)

    def is_person(self, crops: Sequence[Path], looks: int = LOOKS) -> bool:
        """Whether somebody is seen in one of some crops, spread over all of a track's.

        Args:
            crops: of a track, in its order.
            looks: how many are looked at.

        Raises:
            FrameError: a crop cannot be read.

        """
        return any(self._sees_somebody(read_image(crop)) for crop in _spread(crops, looks))

    def _sees_somebody(self, crop: RGB) -> bool:
        height, width = crop.shape[:2]
        margin = max(1, round(_MARGIN * height))
        found = self._detector.detect(_widened(crop, margin))
        inside = found.boxes[found.scores >= LEAST_SCORE] - np.tile((2 * margin, margin), 2)
        sides = inside.clip(0, (width, height, width, height))
        parts = (sides[:, 2] - sides[:, 0]) * (sides[:, 3] - sides[:, 1]) / (width * height)
        return bool((parts >= _LEAST_PART).any())


def _spread(crops: Sequence[Path], count: int) -> Iterable[Path]:
    """The middles of equal parts, the middle of all first."""
    places = [len(crops) * (2 * part + 1) // (2 * count) for part in range(count)]
    return (crops[place] for place in dict.fromkeys(sorted(places, key=lambda p: abs(p - len(crops) // 2))))


def _widened(crop: RGB, margin: int) -> UInt8[np.ndarray, "h w 3"]:
    """With its edges repeated above and below, and twice as far at the sides."""
    wide = ((margin, margin), (2 * margin, 2 * margin), (0, 0))
    return np.pad(crop, wide, mode="edge")
