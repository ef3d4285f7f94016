"""Embedding tracklets with all processes of a distributed run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from stca.embedding import embed_tracklets, label_vectors
from stca.errors import DatasetError, StcaError
from stca.models import ReIDModel
from stca.tracklets import Embeddings, Tracklet
from stca.training import Fabric


def embed_distributed(
    fabric: Fabric, model: ReIDModel, tracklets: Sequence[Tracklet], **options: Any
) -> Embeddings:
    """Embed tracklets on all ranks, a part on each; every rank gets all vectors, in the order of `tracklets`.

    Args:
        fabric: the process group; all its ranks must call this.
        model: with the same weights on every rank.
        tracklets: the same on every rank; there may be fewer than ranks. Long ones are distributed first.
        options: passed to `embed_tracklets`.

    Raises:
        DatasetError: no tracklets, or one without any readable frame; raised on every rank.

    """
    if fabric.world_size == 1 or not tracklets:
        return embed_tracklets(model, tracklets, **options)
    rows = sorted(range(len(tracklets)), key=lambda row: -len(tracklets[row]))
    mine = rows[fabric.global_rank :: fabric.world_size]
    vectors = torch.zeros(len(tracklets), model.embedding_dim)
    computed_by = ""
    error: StcaError | None = None
    try:
        if mine:
            label = "embed" if fabric.is_global_zero else ""
            part = embed_tracklets(model, [tracklets[row] for row in mine], **options, label=label)
            vectors[mine] = torch.from_numpy(part.vectors)
            computed_by = part.computed_by
    except StcaError as caught:
        error = caught
    _raise_together(fabric, error)
    # A row is one rank's vector and the others' zeros: their sum is exact.
    total = fabric.all_reduce(vectors.to(fabric.device), reduce_op="sum").cpu().numpy()
    return label_vectors(total, tracklets, computed_by=computed_by)


def _raise_together(fabric: Fabric, error: StcaError | None) -> None:
    """Raise on all ranks if one of them failed, so that none waits for it."""
    failed = torch.tensor(float(error is not None), device=fabric.device)
    if not fabric.all_reduce(failed, reduce_op="sum"):
        return
    raise error or DatasetError(
        "Another process failed to embed its part", hint="see the error of that process"
    )
