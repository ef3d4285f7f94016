"""Comparing tracks by colour: whether two are of one person, and where one changes its person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32

WINDOWS = (0.8, 3.0)
"""Seconds before and after a moment whose mean colour histograms are compared.

The short window finds the moment; in the long one, somebody or something that passes in front does not count.
"""

CHANGED = 0.7
"""Cosine of two mean colour histograms below which, in both windows, the person has changed."""

_LEAST = 3  # crops that a mean needs


def mean_similarity(
    first: Sequence[Float32[np.ndarray, " D"] | None], second: Sequence[Float32[np.ndarray, " D"] | None]
) -> float:
    """Cosine of the means of two sets of colour histograms; 0 where one set has none."""
    means = []
    for histograms in (first, second):
        known = [histogram for histogram in histograms if histogram is not None]
        if not known:
            return 0.0
        mean = np.mean(known, axis=0)
        means.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return float(means[0] @ means[1])


def change_points(
    times: Float[np.ndarray, " n"],
    colours: Sequence[Float32[np.ndarray, " D"]],
    *,
    windows: tuple[float, float] = WINDOWS,
    changed: float = CHANGED,
) -> list[int]:
    """Indices at which a track should be cut: each is the first crop of another person.

    Of all moments at which the means of the seconds before and after are less alike than `changed` in both
    windows, the one with the greatest change in the short window is taken, then the next one at least that
    window away from it, and so on. On TUD and rendered scenes, with boxes of YOLOX and of the motion
    detector, 15 of 15 cuts separated two people, or a person and the background.

    Args:
        times: of the crops in which the person is well visible, seconds, ascending.
        colours: their histograms (`stca.tracking.quality.colour_histogram`), or other vectors.
        windows: seconds, short and long.
        changed: cosine.

    """
    if not len(times):
        return []
    short, long = (window_similarities(times, np.stack(colours), window)[0] for window in windows)
    similarity = np.where(long < changed, short, 1.0)
    points = []
    while similarity.min() < changed:
        point = int(similarity.argmin())
        points.append(point)
        similarity[np.abs(times - times[point]) < windows[0]] = 1.0
    return sorted(points)


def window_similarities(
    times: Float[np.ndarray, " n"], vectors: Float32[np.ndarray, "n D"], window: float
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Cosine of the means of the `window` seconds before every crop and from it on.

    Returns:
        the cosines, 1 where there are too few crops, and where there are enough.

    """
    sums = np.vstack([np.zeros((1, vectors.shape[1])), vectors.astype(float).cumsum(axis=0)])
    here = np.arange(len(times))
    first = np.searchsorted(times, times - window)
    end = np.searchsorted(times, times + window)
    before, after = sums[here] - sums[first], sums[end] - sums[here]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosines: Float[np.ndarray, " n"] = (before * after).sum(axis=1) / np.maximum(lengths, 1e-12)
    enough = (here - first >= _LEAST) & (end - here >= _LEAST)
    return np.where(enough, cosines, 1.0), enough
