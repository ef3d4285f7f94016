"""A metric learnt from labelled vectors: a projection and a Mahalanobis matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from stca.errors import RankingError
from stca.tools.files import atomic_write
from stca.tracklets import Embeddings

_ROWS_AT_ONCE = 16384
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class LearnedMetric:
    """Squared distance (x - y)' W M W' (x - y), which is that of transformed vectors in a plain space.

    Args:
        projection: W, (D, d).
        matrix: M, (d, d), symmetric, without negative eigenvalues.
        name: printed with the scores.

    Raises:
        RankingError: shapes that do not fit, numbers that are not finite, or another kind of matrix.

    """

    projection: Float64[np.ndarray, "D d"]
    matrix: Float64[np.ndarray, "e e"]
    name: str = "learned"

    def __post_init__(self) -> None:
        wide, narrow = self.projection.shape
        if self.matrix.shape != (narrow, narrow) or not narrow:
            raise RankingError(
                "Projection and matrix of a metric do not fit each other",
                expected="(D, d) and (d, d), d of at least 1",
                found=f"({wide}, {narrow}) and {self.matrix.shape}",
            )
        if not (np.isfinite(self.projection).all() and np.isfinite(self.matrix).all()):
            raise RankingError("A metric is not finite", found="NaN or infinity in its projection or matrix")
        values, largest = np.linalg.eigvalsh(self.matrix), np.abs(self.matrix).max()
        asymmetry = np.abs(self.matrix - self.matrix.T).max()
        if max(asymmetry, -values.min()) > _ROUNDING * largest:
            raise RankingError(
                "The matrix of a metric gives no distances",
                expected="a symmetric matrix without negative eigenvalues",
                found=f"least eigenvalue {values.min():.3g}, asymmetry {asymmetry:.3g}",
            )

    @cached_property
    def factor(self) -> Float64[np.ndarray, "D d"]:
        """L = W M^(1/2): the distance of x and y is the Euclidean one of L'x and L'y."""
        values, vectors = np.linalg.eigh(self.matrix)
        found: Float64[np.ndarray, "D d"] = self.projection @ (vectors * np.sqrt(values.clip(0)))
        return found

    def transform(self, vectors: Float[np.ndarray, "N D"]) -> Float64[np.ndarray, "N d"]:
        """Vectors whose Euclidean distances are those of this metric.

        Raises:
            RankingError: vectors of another length than those it was learnt on.

        """
        if vectors.ndim != 2 or vectors.shape[1] != len(self.projection):
            raise RankingError(
                "The metric was learnt on vectors of another length",
                expected=f"(N, {len(self.projection)})",
                found=vectors.shape,
                hint="learn it on vectors of the same model",
            )
        found = np.empty((len(vectors), self.factor.shape[1]))
        for start in range(0, len(vectors), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            found[part] = vectors[part].astype(np.float64) @ self.factor
        return found

    def transformed(self, embeddings: Embeddings) -> Embeddings:
        """The same rows with transformed vectors, rounded to float32."""
        return Embeddings(
            self.transform(embeddings.vectors).astype(np.float32),
            embeddings.person_ids,
            embeddings.camera_ids,
            embeddings.keys,
            embeddings.computed_by,
        )

    def distances(
        self, x: Float[np.ndarray, "M D"], y: Float[np.ndarray, "N D"]
    ) -> Float64[np.ndarray, "M N"]:
        """Squared distances of all pairs, in float64."""
        from scipy.spatial.distance import cdist  # slow to import, and seldom needed

        found: Float64[np.ndarray, "M N"] = cdist(self.transform(x), self.transform(y), "sqeuclidean")
        return found

    def save(self, path: Path) -> None:
        """Write the metric to a safetensors file, atomically."""
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in ("projection", "matrix")}
        with atomic_write(path) as file:
            file.write(save(tensors, metadata={"metric": self.name}))

    @staticmethod
    def load(path: Path) -> LearnedMetric:
        """Read a file that `save` wrote.

        Raises:
            RankingError: a file that is missing, damaged, or not of a metric.

        """
        try:
            with safe_open(path, "numpy") as file:
                name = (file.metadata() or {})["metric"]
                return LearnedMetric(file.get_tensor("projection"), file.get_tensor("matrix"), name)
        except (OSError, KeyError, SafetensorError) as error:
            raise RankingError(
                "Cannot read a metric", expected="a file that a metric's save wrote", found=error, where=path
            ) from error
