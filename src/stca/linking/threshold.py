"""A threshold for linking without labels: from people whom one camera sees at once, and from public sets."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Float32

from stca.gallery.cross_camera import scores_of_share
from stca.gallery.fingerprint import ModelFingerprint
from stca.gallery.records import Record
from stca.linking.constraints import Sightings, at_once, sightings

LEAST_PAIRS = 50
"""Pairs of tracklets seen at once that are needed."""
RARE = 2
"""One pair of different people in so many times N, the number of tracklets, reaches that of public sets."""
FEW = 50
"""Tracklets that are reckoned with at least: with N = 3, two of three people would be merged often."""
AT_ONCE = "from people whom one camera of this gallery sees at once"
PUBLIC = "from public sets, on which this network was scored"

_BLOCK, _MOST_PAIRS = 512, 1_000_000


def default_threshold(
    records: Sequence[Record],
    vectors: Float[np.ndarray, "N D"],
    fingerprint: ModelFingerprint,
    *,
    source: str | None = None,
) -> tuple[float, str] | None:
    """The mean cosine from which on two groups of tracklets are one person, and where it is from.

    That of people seen at once (`threshold_of_pairs`), but not below that of public sets. The first takes
    cosines to be normally distributed, and those of people who are dressed alike are higher than that.

    Args:
        records: N.
        vectors: (N, D), of any length above 0, as they are: without what a camera's have in common
            (`without_camera_shift`), people of one camera are less alike than of two.
        fingerprint: of the network.
        source: its name (`Gallery.source`), by which networks of the catalogue are known.

    Returns:
        None where too few people are seen at once and the package has no scores of this network.

    """
    found = threshold_of_pairs(records, vectors)
    scores = scores_of_share(fingerprint, 1 / (RARE * max(FEW, len(records))), source=source)
    if scores is not None:
        public = float(np.mean(list(scores.values())))
        if found is None or found < public:
            return public, PUBLIC
    return None if found is None else (found, AT_ONCE)


def threshold_of_pairs(records: Sequence[Record], vectors: Float[np.ndarray, "N D"]) -> float | None:
    """The mean cosine from which on two groups of tracklets are one person.

    Two tracklets that one camera saw at once are two people. Their cosines are taken to be normally
    distributed, and the threshold is what one pair in N exceeds, N being the number of tracklets. Mean and
    deviation come from the lower half, median and lower quartile: a tracker sometimes follows one person
    twice, and those few pairs are as high as can be.

    Args:
        records: N.
        vectors: (N, D), of any length above 0.

    Returns:
        None where there are fewer than `LEAST_PAIRS` such pairs.

    """
    cosines = _cosines(sightings(records), vectors)
    if len(cosines) < LEAST_PAIRS:
        return None
    return threshold_of_cosines(cosines, len(records))


def threshold_of_cosines(cosines: Float[np.ndarray, " P"], count: int) -> float:
    """What one in `count` of different people exceeds, of cosines that are normally distributed."""
    median, quartile = np.quantile(cosines, (0.5, 0.25))
    deviation = (median - quartile) / NormalDist().inv_cdf(0.75)
    return float(np.clip(median + NormalDist().inv_cdf(1 - 1 / count) * deviation, -1, 1))


def _cosines(seen: Sightings, vectors: Float[np.ndarray, "N D"]) -> Float32[np.ndarray, " P"]:
    """Cosines of pairs that one camera saw at once, a million at most."""
    unit = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    found: list[Float32[np.ndarray, " p"]] = []
    for start in range(0, len(unit), _BLOCK):
        rows = slice(start, start + _BLOCK)
        mine, other = np.nonzero(np.triu(at_once(seen, rows), start + 1))
        found.append(np.einsum("pd,pd->p", unit[rows][mine], unit[other]))
        if sum(map(len, found)) > _MOST_PAIRS:
            break
    return np.concatenate(found) if found else np.zeros(0, np.float32)
