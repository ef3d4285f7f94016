"""What an approximate index consists of, and how it learns its directions, lists and codes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from stca.gallery.engine import Vectors
from stca.gallery.faiss_import import import_faiss, threads

_WIDE = 256
"""Main directions that are kept, and re-ranked by."""
_CODED = 128
"""Of those, the first that lists and 4-bit codes are made of."""


def trained_index(vectors: Vectors, *, seed: int) -> Any:
    """An empty FAISS index that has learnt from these rows."""
    faiss = import_faiss()
    index = _untrained(faiss, *vectors.shape)
    _train(faiss, index, vectors, seed=seed)
    return index


def _untrained(faiss: Any, rows: int, dim: int) -> Any:
    width = min(_WIDE, dim)
    coded = min(_CODED, width // 2 * 2)
    lists = 1 << round(math.log2(0.5 * math.sqrt(rows)))  # more are fewer rows to scan, but each costs 1 µs
    codes = faiss.index_factory(coded, f"IVF{lists},PQ{coded // 2}x4fs", faiss.METRIC_L2)
    coarse = faiss.IndexPreTransform(faiss.RemapDimensionsTransform(width, coded, False), codes)
    precise = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)
    return faiss.IndexPreTransform(faiss.PCAMatrix(dim, width), faiss.IndexRefine(coarse, precise))


def _train(faiss: Any, index: Any, vectors: Vectors, *, seed: int) -> None:
    """Each part on as many rows as it needs: training by the defaults takes several times longer."""
    rng = np.random.default_rng(seed)
    refine = faiss.downcast_index(index.index)
    coarse = faiss.downcast_index(refine.base_index)
    ivf = faiss.downcast_index(coarse.index)
    some = vectors[np.sort(rng.choice(len(vectors), min(len(vectors), 64 * ivf.nlist), replace=False))]
    projection = faiss.downcast_VectorTransform(index.chain.at(0))
    _train_pca(faiss, projection, some[rng.permutation(len(some))[:10_000]])
    projected = projection.apply(some[rng.permutation(len(some))])
    chosen = faiss.downcast_VectorTransform(coarse.chain.at(0))
    pairs = balanced_pairs(projected[:, : ivf.d].var(axis=0))
    faiss.copy_array_to_vector(pairs.astype(np.int32), chosen.map)
    coded = chosen.apply(projected)
    options = faiss.ClusteringParameters()
    options.niter, options.max_points_per_centroid, options.seed = 6, 64, seed
    options.min_points_per_centroid = 1  # what comes of it is measured
    faiss.Clustering(ivf.d, ivf.nlist, options).train(coded, ivf.quantizer)
    ivf.pq.cp.min_points_per_centroid, ivf.pq.cp.niter = 1, 10
    with threads(faiss, 1):  # thousands of tiny steps, between which threads would wait for each other
        ivf.train(coded[:4096])
    refine.refine_index.train(projected)
    coarse.is_trained = refine.is_trained = index.is_trained = True


def balanced_pairs(variance: Float32[np.ndarray, " d"]) -> Int64[np.ndarray, " d"]:
    """The directions in an order in which every two neighbours have about the same product of variances.

    Args:
        variance: along each direction; their number is even.

    """
    order = np.argsort(-variance, kind="stable")
    half = len(order) // 2
    return np.stack([order[:half], order[half:][::-1]], axis=1).ravel()


def _train_pca(faiss: Any, projection: Any, rows: Vectors) -> None:
    """The main directions by a randomised decomposition: FAISS's own takes most of the building time."""
    mean = rows.mean(axis=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, _, directions = torch.svd_lowrank(torch.from_numpy(rows - mean), q=projection.d_out, niter=2)
    matrix = np.ascontiguousarray(directions.numpy().T, dtype=np.float32)
    faiss.copy_array_to_vector(matrix.ravel(), projection.A)
    faiss.copy_array_to_vector(-(matrix @ mean), projection.b)
    projection.have_bias, projection.is_trained, projection.is_orthonormal = True, True, True
