"""XQDA: cross-view quadratic discriminant analysis.

Liao, Hu, Zhu and Li, "Person re-identification by local maximal occurrence representation and metric
learning", CVPR 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stca.errors import RankingError
from stca.ranking.metric_learning.learned import LearnedMetric
from stca.ranking.metric_learning.pairs import pair_covariances, regularised
from stca.tracklets import Embeddings


@dataclass(frozen=True, eq=False)
class XQDA(LearnedMetric):
    """Directions in which two persons differ more than one person does, each weighed by how much more."""

    name: str = "XQDA"

    @staticmethod
    def fit(
        embeddings: Embeddings,
        *,
        dims: int | None = None,
        regularisation: float = 1e-3,
        cross_camera: bool = True,
    ) -> XQDA:
        """Learn from the vectors of a training set.

        The directions w are the eigenvectors of S_I^-1 S_E with eigenvalues v above 1, S_I and S_E the
        covariances of the differences of one person's vectors and of two persons'. Scaled to w' S_I w = 1,
        the matrix (W' S_I W)^-1 - (W' S_E W)^-1 is diagonal, 1 - 1/v. The authors' code takes singular
        vectors of S_I^-1 S_E instead, which are others.

        Args:
            embeddings: of persons other than those to be ranked.
            dims: at most so many directions, those with the largest eigenvalues; None: all above 1.
            regularisation: added to the variances of S_I, as a share of their mean. The authors add 0.001
                whatever the scale. With 0 the metric is the same after any invertible affine map.
            cross_camera: learn on pairs of two cameras only, as the paper does.

        Raises:
            RankingError: fewer than two persons, no pairs to learn from, fewer vectors than dimensions and no
                regularisation, or no direction in which two persons differ more than one.

        """
        from scipy.linalg import eigh  # slow to import, and seldom needed

        if dims is not None and dims < 1:
            raise RankingError("A metric needs a direction", expected="dims of at least 1", found=dims)
        covariances = pair_covariances(embeddings, cross_camera=cross_camera)
        same = regularised(covariances.same, regularisation, of="one person's vectors")
        values, vectors = eigh(covariances.different, same)
        count = min(int((values > 1).sum()), dims or len(values))
        if count == 0:
            raise RankingError(
                "A metric cannot be learnt on these vectors",
                expected="a direction in which two persons differ more than one person does",
                found=f"at most {values.max():.3g} times as much",
            )
        chosen = np.argsort(-values, kind="stable")[:count]
        return XQDA(np.ascontiguousarray(vectors[:, chosen]), np.diag(1 - 1 / values[chosen]))
