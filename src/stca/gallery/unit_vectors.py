"""Normalise vectors as a gallery stores them: float32, of unit length."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from stca.errors import GalleryError
from stca.gallery.engine import Vectors


def unit_vectors(vectors: Vectors, *, dim: int, where: object) -> Vectors:
    """Scale vectors to unit length.

    Args:
        vectors: (N, D), of any length above zero.
        dim: D of the gallery.
        where: the gallery is, for errors.

    Returns:
        (N, D) float32.

    Raises:
        GalleryError: a wrong dimension, or a vector that is zero or not finite.

    """
    array = np.asarray(vectors, dtype=np.float32)
    lengths = vector_lengths(array, dim=dim, where=where)
    unit: Vectors = (array / lengths[:, None]).astype(np.float32)  # lengths may exceed float32
    return unit


def vector_lengths(array: Vectors, *, dim: int, where: object) -> Float64[np.ndarray, " N"]:
    """Lengths of vectors that `unit_vectors` can scale.

    Args:
        array: (N, D).
        dim: D of the gallery.
        where: the gallery is, for errors.

    Raises:
        GalleryError: as `unit_vectors`.

    """
    if array.ndim != 2 or array.shape[1] != dim:
        raise GalleryError(
            "These vectors are of another dimension than the gallery's",
            expected=dim,
            found=array.shape[1:] if array.ndim != 2 else array.shape[1],
            where=where,
            hint="use the model that the gallery was made with",
        )
    lengths: Float64[np.ndarray, " N"] = np.sqrt(np.einsum("nd,nd->n", array, array, dtype=np.float64))
    bad = ~(np.isfinite(lengths) & (lengths > 0))
    if bad.any():
        raise GalleryError(
            "A vector has no direction",
            expected="finite numbers, not all zero",
            found=f"{bad.sum()} of {len(bad)}, the first at row {np.flatnonzero(bad)[0]}",
            hint="did the training diverge? look at its loss curve",
        )
    return lengths
