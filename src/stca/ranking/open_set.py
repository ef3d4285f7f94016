"""Open-set identification: how often the right one is found while strangers are turned away.

A search against a gallery gives an answer only where the best score reaches a threshold t. After Grother and
Phillips ("Models of large population recognition performance", CVPR 2004; the measures of NIST's face
recognition evaluations):

    FAR(t)  the fraction of searches for somebody who is not in the gallery that give an answer all the same
            (of whole searches, not of pairs: the larger a gallery, the easier one row is too close)
    DIR(t)  the detection and identification rate at rank 1: the fraction of searches for somebody who is in
            the gallery whose best answer is right and reaches t

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
    """What searches for people inside and outside a gallery gave.

    Args:
        right: (M,) one score per search for somebody in the gallery: of the best right row where that is the
            best row of all, else -inf.
        impostor: (I,) one score per search for somebody not in the gallery: of the best row.

    Raises:
        RankingError: there are no searches of one of the two kinds, or a score is NaN.

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
            raise RankingError("A score is no number")

    def threshold(self, far: float) -> float:
        """The lowest threshold at which no more than `far` of the impostors' searches give an answer.

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
        """FAR(t): the fraction of impostors' searches whose best score reaches `threshold`."""
        return float(np.mean(self.impostor >= threshold))

    def identification_rate(self, threshold: float) -> float:
        """DIR(t) at rank 1: the fraction of the others' searches that are right and reach `threshold`."""
        return float(np.mean(self.right >= threshold))

    def dir_at_far(self, far: float) -> float:
        """DIR at the lowest threshold that keeps within `far`."""
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
    """Every query asks twice: with its mates in the gallery, and without them.

    Args:
        scores: the higher the more similar.
        mates: rows of the query's person; the query itself is none of them.
        non_mates: rows known to be of somebody else. A row that is neither takes no part.

    Returns:
        `OpenSet.right` of the queries that have a mate, `OpenSet.impostor` of those that have a stranger.

    """
    best_mate = np.where(mates, scores, -np.inf).max(axis=1, initial=-np.inf)
    best_non_mate = np.where(non_mates, scores, -np.inf).max(axis=1, initial=-np.inf)
    right = np.where(best_mate > best_non_mate, best_mate, -np.inf)[mates.any(axis=1)]
    return right.astype(np.float64), best_non_mate[non_mates.any(axis=1)].astype(np.float64)
