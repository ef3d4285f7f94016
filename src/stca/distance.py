"""Pairwise distances between rows."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Metric = Literal["cosine", "euclidean"]


def pairwise_distance(
    x: Float[Tensor, "M D"], y: Float[Tensor, "N D"], *, metric: Metric = "cosine"
) -> Float[Tensor, "M N"]:
    """Distance of every row of x to every row of y; differentiable.

    `cosine` is 1 - cos, in [0, 2]; a zero row is at distance 1 from everything.
    `euclidean` is the plain (not squared) distance; its gradient at distance 0 is 0, not NaN.
    """
    if metric == "cosine":
        return 1 - F.normalize(x, dim=1) @ F.normalize(y, dim=1).T
    if metric == "euclidean":
        squared = x.square().sum(1)[:, None] + y.square().sum(1)[None, :] - 2 * x @ y.T
        return squared.clamp_min(1e-12).sqrt()
    raise ValueError(f"metric is 'cosine' or 'euclidean', not {metric!r}")


def chunk_rows(total: int, columns: int, *, max_bytes: int = 256 << 20) -> list[slice]:
    """Slices over `total` rows so that a float32 block of each by `columns` stays within `max_bytes`."""
    rows = max(1, max_bytes // max(1, 4 * columns))
    return [slice(start, min(start + rows, total)) for start in range(0, total, rows)]
