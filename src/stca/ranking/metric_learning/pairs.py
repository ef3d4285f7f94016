"""Covariances of the differences of pairs, without going through the pairs.

The differences of all pairs within a group of n vectors have the sum of squares n S, S the group's scatter
around its mean. Pairs of two cameras are all pairs without those of one camera.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from stca.errors import RankingError
from stca.tracklets import Embeddings


class PairCovariances(NamedTuple):
    """Mean of d d' over pairs, d the difference of their vectors."""

    same: Float64[np.ndarray, "D D"]
    different: Float64[np.ndarray, "D D"]


def pair_covariances(embeddings: Embeddings, *, cross_camera: bool) -> PairCovariances:
    """Covariances of pairs of the same person and of two different ones; distractors and junk are left out.

    Args:
        embeddings: labelled vectors.
        cross_camera: only pairs of two cameras.

    Raises:
        RankingError: fewer than two persons, or no pair of the same person, or none of different ones.

    """
    known = np.flatnonzero(embeddings.person_ids > 0)
    persons, cameras = embeddings.person_ids[known], embeddings.camera_ids[known]
    if (count := len(np.unique(persons))) < 2:
        raise RankingError(
            "A metric cannot be learnt on these vectors", expected="at least two persons", found=f"{count}"
        )
    vectors = embeddings.vectors[known].astype(np.float64)
    vectors -= vectors.mean(axis=0)
    everybody = np.zeros_like(persons)
    of_person, of_all = _within(vectors, persons), _within(vectors, everybody)
    if cross_camera:
        both = np.unique(np.stack((persons, cameras)), axis=1, return_inverse=True)[1].reshape(-1)
        of_person, of_all = (
            _minus(of_person, _within(vectors, both)),
            _minus(of_all, _within(vectors, cameras)),
        )
    different = _minus(of_all, of_person)
    for what, (_, pairs) in (("the same person", of_person), ("different persons", different)):
        if pairs == 0:
            where = " in two cameras" if cross_camera else ""
            raise RankingError(
                "A metric cannot be learnt on these vectors",
                expected=f"pairs of vectors of {what}{where}",
                found=f"none among {len(known)} vectors",
                hint="cross_camera=False takes pairs of one camera too" if cross_camera else None,
            )
    return PairCovariances(of_person[0] / of_person[1], different[0] / different[1])


_Sum = tuple[Float64[np.ndarray, "D D"], int]
"""Of d d' over pairs, and the number of pairs."""


def _within(vectors: Float64[np.ndarray, "N D"], groups: Int64[np.ndarray, " N"]) -> _Sum:
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    means = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(means, group, vectors)
    means /= sizes[:, None]
    rows = (vectors - means[group]) * np.sqrt(sizes[group])[:, None]
    return rows.T @ rows, int((sizes * (sizes - 1) // 2).sum())


def _minus(these: _Sum, those: _Sum) -> _Sum:
    return these[0] - those[0], these[1] - those[1]


def regularised(
    covariance: Float64[np.ndarray, "D D"], share: float, *, of: str
) -> Float64[np.ndarray, "D D"]:
    """The covariance with a share of its mean variance added to every variance, if it can be inverted then.

    Raises:
        RankingError: a negative share, or a singular matrix.

    """
    if not 0 <= share < np.inf:
        raise RankingError("Regularisation is a share", expected="at least 0", found=share)
    dims = len(covariance)
    found: Float64[np.ndarray, "D D"] = covariance + share * np.trace(covariance) / dims * np.eye(dims)
    values = np.linalg.eigvalsh(found)
    if values[0] <= dims * np.finfo(np.float64).eps * values[-1]:
        rank = int((values > dims * np.finfo(np.float64).eps * values[-1]).sum())
        raise RankingError(
            f"The differences of {of} do not fill their space",
            expected=f"{dims} independent directions, as the vectors have dimensions",
            found=rank,
            hint="more vectors, fewer dimensions, or a larger regularisation",
        )
    return found
