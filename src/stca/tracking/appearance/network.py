"""Where a track changes its person, by the vectors of a re-identification network."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, Int64

from stca.tracking.appearance.changes import change_points, window_similarities

WINDOW = 2.0
"""Seconds before and after a moment whose mean vectors are compared."""

STEP = 0.22
"""Seconds between two crops of a track that the network sees: four or five a second."""

CHANGED_BY = 3.5
"""A change of person is this many times as large as the usual change from one window to the next.

Both are measured as 1 - cosine of the mean vectors; the usual one is the median over the video so far, so
that no network needs a threshold of its own. Chosen on rendered scenes (seeds 1 and 2).
"""

BOUNDS = (0.4, 0.8)
"""Cosines below which the person has changed in any case, and above which it has not."""

_REMEMBERED = 5000  # windows


@runtime_checkable
class CropEncoder(Protocol):
    """A network that turns crops into vectors."""

    @property
    def name(self) -> str:
        """Network and weights, as video.json records them."""

    def __call__(self, crops: Sequence[Path]) -> Float32[np.ndarray, "n D"]:
        """One vector per image file."""


class NetworkChanges:
    """Finds where the tracks of one video change their person.

    Args:
        encoder: the network.

    """

    def __init__(self, encoder: CropEncoder) -> None:
        self._encoder = encoder
        self._usual: deque[float] = deque(maxlen=_REMEMBERED)

    def changed(self) -> float:
        """Cosine of two mean vectors below which the person has changed, from the tracks seen so far."""
        if not self._usual:
            return BOUNDS[0]
        low, high = BOUNDS
        return min(max(1 - CHANGED_BY * float(np.median(self._usual)), low), high)

    def starts(self, times: Float[np.ndarray, " n"], crops: Sequence[Path]) -> list[int]:
        """Indices of the crops at which a track should be cut: each is the first of another person.

        Args:
            times: of the crops in which the person is well visible, seconds, ascending.
            crops: their files.

        """
        seen = every(times, STEP)
        if len(seen) < 2:
            return []
        vectors = self._encoder([crops[i] for i in seen])
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        similarities, enough = window_similarities(times[seen], vectors, WINDOW)
        self._usual.extend((1 - similarities[enough]).tolist())
        points = change_points(times[seen], list(vectors), windows=(WINDOW, WINDOW), changed=self.changed())
        return [int(seen[point]) for point in points]


def every(times: Float[np.ndarray, " n"], step: float) -> Int64[np.ndarray, " m"]:
    """Indices of the first time, and of each next one at least `step` seconds later."""
    chosen: list[int] = []
    for index, time in enumerate(times.tolist()):
        if not chosen or time - times[chosen[-1]] >= step - 1e-9:
            chosen.append(index)
    return np.array(chosen, dtype=np.int64)
