"""Thresholds that need no labels: from what a network scores on people of several cameras elsewhere.

`cross_camera_scores.json` holds, for the network in the package and some of the catalogue, the cosine of
pairs of pictures from two cameras on public sets (VIPeR, GRID, PRID2011): of the same person, and of
different ones; and of different people as linking compares them, without what each camera's vectors have
in common (`stca.linking.camera_shift`). They are quantiles only, made by
`python -m experiments.out_of_the_box.thresholds`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from stca.catalogue import NETWORKS
from stca.errors import RankingError
from stca.gallery.calibration import Calibration
from stca.gallery.fingerprint import ModelFingerprint

if TYPE_CHECKING:
    from stca.gallery.gallery import Gallery

LEVELS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5)
"""Shares of the pairs of different people whose cosine lies above the stored value."""
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Shares of the pairs of one person whose cosine lies below the stored value."""


DEFAULT_FAR = 0.01
"""The false-accept rate, per search, where nobody asks for another."""


def calibrate_across(
    fingerprint: ModelFingerprint, *, far: float, rows: int, source: str | None = None
) -> Calibration | None:
    """A threshold for searches between cameras, from the network's scores on public sets.

    A search is for somebody who is not in the gallery; each of its `rows` tracklets is taken to be an
    independent chance of a false accept.

    Args:
        fingerprint: of the gallery's model.
        far: the wanted false-accept rate, per search.
        rows: tracklets in the gallery.
        source: name of its model (`Gallery.source`), by which networks of the catalogue are known.

    Returns:
        None where the package has no scores of this network with these weights.

    Raises:
        RankingError: `far` is not between 0 and 1.

    """
    if not 0 < far < 1:
        raise RankingError("A false-accept rate lies between 0 and 1", found=far)
    sets = _scores_of(fingerprint, source)
    if sets is None:
        return None
    threshold = float(np.mean([_threshold(each, far, rows) for each in sets.values()]))
    rates = [
        float(np.mean([_detected(each, _threshold(each, level, rows)) for each in sets.values()]))
        for level in (0.01, 0.10)
    ]
    return Calibration(
        threshold=threshold,
        far=far,
        method="cross-camera sets",
        searches=sum(each["pairs"][0] for each in sets.values()),
        impostors=sum(each["pairs"][1] for each in sets.values()),
        rows=rows,
        dir_at_threshold=float(np.mean([_detected(each, threshold) for each in sets.values()])),
        dir_at_1=rates[0],
        dir_at_10=rates[1],
    )


def public_threshold(gallery: Gallery, *, far: float = DEFAULT_FAR) -> Calibration | None:
    """`calibrate_across` for a gallery of its present size."""
    return calibrate_across(gallery.fingerprint, far=far, rows=len(gallery), source=gallery.source)


def keep_public_threshold(gallery: Gallery) -> None:
    """Give a gallery the threshold of the public sets for its size, unless it has one of its own.

    The false-accept rate stays what it was. Nothing changes where the package has no scores of its network.
    """
    kept = gallery.calibration()
    if kept is not None and not kept.from_public_sets:
        return
    found = public_threshold(gallery, far=DEFAULT_FAR if kept is None else kept.far)
    if found is not None and found != kept:
        gallery.set_calibration(found)


def pair_rates(
    fingerprint: ModelFingerprint, scores: Float64[np.ndarray, " S"], *, source: str | None = None
) -> tuple[Float64[np.ndarray, " S"], Float64[np.ndarray, " S"], tuple[int, int]] | None:
    """Which shares of the pairs of the public sets reach each score: means over the sets.

    Args:
        fingerprint: of the gallery's model.
        scores: cosines.
        source: as of `calibrate_across`.

    Returns:
        Of the pairs of different people and of one person; and how many pairs (different people, one person)
        there are. The first shares lie between 1 in 100,000 and a half, the second between 5 and 95 %: beyond
        that nothing is stored, and the last known value is given. None where the package has no scores of
        this network with these weights.

    """
    sets = _scores_of(fingerprint, source)
    if sets is None:
        return None
    different = [np.exp(np.interp(scores, each["different"], np.log(LEVELS))) for each in sets.values()]
    same = [1 - np.interp(scores, each["same"], SHARES) for each in sets.values()]
    counts = [sum(each["pairs"][kind] for each in sets.values()) for kind in (1, 0)]
    return np.mean(different, axis=0), np.mean(same, axis=0), (counts[0], counts[1])


def scores_of_share(
    fingerprint: ModelFingerprint, share: float, *, source: str | None = None
) -> Mapping[str, float] | None:
    """The cosine that a share of the pairs of different people reaches, by public set, as linking compares.

    Args:
        fingerprint: of the gallery's model.
        share: above 0, at most 0.5.
        source: as of `calibrate_across`.

    Returns:
        None where the package has no scores of this network with these weights.

    """
    sets = _scores_of(fingerprint, source)
    return None if sets is None else {name: _score_of(each["linked"], share) for name, each in sets.items()}


def _threshold(scores: Mapping[str, Any], far: float, rows: int) -> float:
    """The cosine that one of `rows` different people reaches with probability `far`."""
    return _score_of(scores["different"], float(-np.expm1(np.log1p(-far) / max(rows, 1))))


def _score_of(different: Sequence[float], share: float) -> float:
    """The cosine that a share of the pairs of different people reaches, by those of `LEVELS`."""
    wanted = np.log(share)
    levels, values = np.log(LEVELS)[::-1], np.array(different)[::-1]
    if wanted < levels[0]:  # rarer than measured: straight on
        slope = (values[1] - values[0]) / (levels[1] - levels[0])
        return float(min(1.0, values[0] + slope * (wanted - levels[0])))
    return float(np.interp(wanted, levels, values))


def _detected(scores: Mapping[str, Any], threshold: float) -> float:
    """The share of pairs of one person that reach a threshold."""
    return float(1 - np.interp(threshold, scores["same"], SHARES, left=0.0, right=1.0))


def _scores_of(fingerprint: ModelFingerprint, source: str | None) -> Mapping[str, Any] | None:
    """By set; known by the digest of the weights, or as a network of the catalogue, which is verified."""
    for network in _networks():
        if network["weights"]:
            known = network["weights"] == fingerprint.weights
        else:
            known = source in NETWORKS and source in (network["name"], f"{network['name']}-fp32")
        if known:
            sets: Mapping[str, Any] = network["sets"]
            return sets
    return None


@lru_cache(maxsize=1)
def _networks() -> Sequence[Mapping[str, Any]]:
    content = json.loads(Path(__file__).with_name("cross_camera_scores.json").read_text(encoding="utf-8"))
    networks: Sequence[Mapping[str, Any]] = content["networks"]
    return networks
