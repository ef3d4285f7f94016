"""Open-set identification: hits for people in the gallery, false accepts for people who are not.

A search gives a hit only if the best score reaches a threshold t. After Grother and
Phillips ("Models of large population recognition performance", CVPR 2004; the measures of NIST's face
recognition evaluations):

    FAR(t)  false-accept rate: the fraction of searches for people not in the gallery that give a hit (of
            searches, not of pairs: it grows with the gallery)
    DIR(t)  detection and identification rate at rank 1: the fraction of searches for people in the gallery
            whose best row is right and reaches t

A wrong row at the score of a right one counts as being before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from stca.errors import RankingError


@dataclass(frozen=True, slots=True, eq=False)
class OpenSet:
    """Best scores of searches for people in a gallery and for people who are not.

    Args:
        right: (M,) one per mated search (the person is in the gallery): score of the best row if it is a
            right one, else -inf.
        impostor: (I,) one per non-mated search (the person is not in the gallery): score of the best row.

    Raises:
        RankingError: no searches of one of the two kinds, or a score is NaN.

    """

    right: Float64[np.ndarray, " M"]
    impostor: Float64[np.ndarray, " I"]

    def __post_init__(self) -> None:
        if not len(self.right) or not len(self.impostor):
            raise RankingError(
                "Open-set measures need searches for people in the gallery and for people who are not",
                expected="at least one of each",
                found=f"{len(self.right)} and {len(self.impostor)}",
            )
        if np.isnan(self.right).any() or np.isnan(self.impostor).any():
            raise RankingError("A score is NaN", expected="finite scores, or -inf")

    def threshold(self, far: float) -> float:
        """The lowest threshold at which at most the fraction `far` of non-mated searches gives a hit.

        Raises:
            RankingError: `far` is not between 0 and 1.

        """
        if not 0 <= far <= 1:
            raise RankingError("A false-accept rate is a fraction", expected="0 to 1", found=far)
        falling = np.sort(self.impostor)[::-1]
        allowed = math.floor(far * len(falling) + 1e-9)
        if allowed >= len(falling):
            return -1.0  # no cosine is lower
        return float(np.nextafter(falling[allowed], np.inf))

    def false_accept_rate(self, threshold: float) -> float:
        """FAR(t): the fraction of non-mated searches whose best score reaches `threshold`."""
        return float(np.mean(self.impostor >= threshold))

    def identification_rate(self, threshold: float) -> float:
        """DIR(t) at rank 1: the fraction of mated searches that are right and reach `threshold`."""
        return float(np.mean(self.right >= threshold))

    def dir_at_far(self, far: float) -> float:
        """DIR at the lowest threshold whose FAR is at most `far`."""
        return self.identification_rate(self.threshold(far))

    def curve(self) -> tuple[Float64[np.ndarray, " P"], Float64[np.ndarray, " P"]]:
        """FAR, rising from 0 to 1, and DIR, at every threshold at which FAR changes."""
        levels = np.unique(self.impostor)[::-1]
        thresholds = np.concatenate([np.nextafter(levels, np.inf), [-np.inf]])
        impostor, right = np.sort(self.impostor), np.sort(self.right)
        far = 1 - np.searchsorted(impostor, thresholds) / len(impostor)
        rate = 1 - np.searchsorted(right, thresholds) / len(right)
        rate[-1] = np.mean(self.right > -np.inf)
        return far, rate


def open_set_scores(
    scores: Float[np.ndarray, "Q G"], mates: Bool[np.ndarray, "Q G"], non_mates: Bool[np.ndarray, "Q G"]
) -> tuple[Float64[np.ndarray, " M"], Float64[np.ndarray, " I"]]:
    """Best scores of a mated and a non-mated search for every query.

    Args:
        scores: the higher the more similar.
        mates: rows of the query's person, without the query itself.
        non_mates: rows known to be of other people. Rows that are neither are ignored.

    Returns:
        `OpenSet.right` of the queries with a mate, `OpenSet.impostor` of those with a non-mate.

    """
    best_mate = np.where(mates, scores, -np.inf).max(axis=1, initial=-np.inf)
    best_non_mate = np.where(non_mates, scores, -np.inf).max(axis=1, initial=-np.inf)
    right = np.where(best_mate > best_non_mate, best_mate, -np.inf)[mates.any(axis=1)]
    return right.astype(np.float64), best_non_mate[non_mates.any(axis=1)].astype(np.float64)
