"""Build and train an empty approximate FAISS index: PCA, inverted lists, codes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from stca.gallery.engine import Vectors
from stca.gallery.index.faiss_import import import_faiss, threads

_WIDE = 256
"""Principal components kept, and used for re-ranking."""
_CODED = 128
"""Leading components used for the inverted lists and 4-bit codes."""


def trained_index(vectors: Vectors, *, seed: int) -> Any:
    """An empty FAISS index, trained on a sample of these rows.

    Each part is trained on as many rows as it needs: FAISS's defaults take several times longer.
    """
    faiss = import_faiss()
    count, dim = vectors.shape
    width = min(_WIDE, dim)
    coded = min(_CODED, width // 2 * 2)
    lists = 1 << round(math.log2(0.5 * math.sqrt(count)))  # more are fewer rows to scan, but each costs 1 µs
    rng = np.random.default_rng(seed)
    some = vectors[np.sort(rng.choice(count, min(count, 64 * lists), replace=False))]
    projection = _main_directions(faiss, some[rng.permutation(len(some))[:10_000]], width)
    projected = projection.apply(some[rng.permutation(len(some))])
    pairs = faiss.RemapDimensionsTransform(width, coded, False)
    order = balanced_pairs(projected[:, :coded].var(axis=0))
    faiss.copy_array_to_vector(order.astype(np.int32), pairs.map)
    codes = _trained_lists(faiss, pairs.apply(projected), lists, seed=seed)
    precise = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    precise.train(projected)
    return faiss.IndexPreTransform(
        projection, faiss.IndexRefine(faiss.IndexPreTransform(pairs, codes), precise)
    )


def _trained_lists(faiss: Any, rows: Vectors, lists: int, *, seed: int) -> Any:
    """An inverted file with 4-bit product-quantiser codes per two components."""
    dim = rows.shape[1]
    ivf = faiss.index_factory(dim, f"IVF{lists},PQ{dim // 2}x4fs", faiss.METRIC_L2)
    options = faiss.ClusteringParameters()
    options.niter, options.max_points_per_centroid, options.seed = 6, 64, seed
    options.min_points_per_centroid = 1  # no warning: recall is measured later
    faiss.Clustering(dim, lists, options).train(rows, ivf.quantizer)
    ivf.pq.cp.min_points_per_centroid, ivf.pq.cp.niter = 1, 10
    with threads(faiss, 1):  # many tiny steps: threads would only wait for each other
        ivf.train(rows[:4096])
    return ivf


def balanced_pairs(variance: Float32[np.ndarray, " d"]) -> Int64[np.ndarray, " d"]:
    """Order components so that consecutive pairs have about equal products of variances.

    Args:
        variance: of each component; an even number of them.

    """
    order = np.argsort(-variance, kind="stable")
    half = len(order) // 2
    return np.stack([order[:half], order[half:][::-1]], axis=1).ravel()


def _main_directions(faiss: Any, rows: Vectors, width: int) -> Any:
    """PCA by randomised SVD: FAISS's own training would take most of the build time."""
    import torch  # not before an index is trained: it takes over a second

    projection = faiss.PCAMatrix(rows.shape[1], width)
    mean = rows.mean(axis=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, _, directions = torch.svd_lowrank(torch.from_numpy(rows - mean), q=width, niter=2)
    matrix = np.ascontiguousarray(directions.numpy().T, dtype=np.float32)
    faiss.copy_array_to_vector(matrix.ravel(), projection.A)
    faiss.copy_array_to_vector(-(matrix @ mean), projection.b)
    projection.have_bias, projection.is_trained, projection.is_orthonormal = True, True, True
    return projection
