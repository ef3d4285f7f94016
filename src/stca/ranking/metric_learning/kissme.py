"""KISSME: keep it simple and straightforward metric.

Koestinger, Hirzer, Wohlhart, Roth and Bischof, "Large scale metric learning from equivalence constraints",
CVPR 2012.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from stca.errors import RankingError
from stca.ranking.metric_learning.learned import LearnedMetric
from stca.ranking.metric_learning.pairs import pair_covariances, regularised
from stca.tracklets import Embeddings


@dataclass(frozen=True, eq=False)
class KISSME(LearnedMetric):
    """How much likelier a difference is of two persons than of one, if both are normally distributed."""

    name: str = "KISSME"

    @staticmethod
    def fit(
        embeddings: Embeddings,
        *,
        dims: int | None = None,
        regularisation: float = 0.0,
        cross_camera: bool = True,
    ) -> KISSME:
        """Learn from the vectors of a training set.

        The matrix is S_I^-1 - S_E^-1, S_I and S_E the covariances of the differences of one person's vectors
        and of two persons', without its negative eigenvalues.

        Args:
            embeddings: of persons other than those to be ranked.
            dims: principal components to keep beforehand, as the paper does; None: the vectors as they are.
            regularisation: added to the variances of S_I and S_E, as a share of their means; the paper has 0.
            cross_camera: learn on pairs of two cameras only.

        Raises:
            RankingError: fewer than two persons, no pairs to learn from, fewer vectors than dimensions and no
                regularisation, or no direction in which two persons differ more than one.

        """
        projection = principal_components(embeddings, dims)
        covariances = pair_covariances(embeddings, cross_camera=cross_camera)
        same, different = (
            np.linalg.inv(regularised(projection.T @ each @ projection, regularisation, of=of))
            for each, of in zip(covariances, ("one person's vectors", "two persons' vectors"), strict=True)
        )
        values, vectors = np.linalg.eigh(same - different)
        if values[-1] <= 0:
            raise RankingError(
                "A metric cannot be learnt on these vectors",
                expected="a direction in which two persons differ more than one person does",
                found="none",
            )
        matrix = (vectors * values.clip(0)) @ vectors.T
        return KISSME(projection, (matrix + matrix.T) / 2)


def principal_components(embeddings: Embeddings, dims: int | None) -> Float64[np.ndarray, "D d"]:
    """Directions of the largest variance of the known persons' vectors, as columns; None: all axes.

    Raises:
        RankingError: fewer than 1, or more than the vectors have dimensions.

    """
    wide = embeddings.vectors.shape[1]
    if dims is None:
        return np.eye(wide)
    if not 1 <= dims <= wide:
        raise RankingError(
            "That many principal components there are not", expected=f"1 to {wide}", found=dims
        )
    vectors = embeddings.vectors[embeddings.person_ids > 0].astype(np.float64)
    vectors -= vectors.mean(axis=0) if len(vectors) else 0
    return np.ascontiguousarray(np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, :dims])
