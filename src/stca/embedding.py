"""Tracklets to vectors: dense clips of many tracklets in full batches, then the mean per tracklet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32

from stca.clips import Transform, dense_batches, normalise
from stca.devices import resolve_device, resolve_precision
from stca.errors import DatasetError
from stca.models import ReIDModel
from stca.progress import progress
from stca.tracklets import Embeddings, Tracklet

Neck = Literal["after", "before"]


def embed_tracklets(
    model: ReIDModel,
    tracklets: Sequence[Tracklet],
    *,
    clip_len: int | None = None,
    batch_size: int = 16,
    device: str = "auto",
    precision: str = "float32",
    workers: int = 2,
    neck: Neck = "after",
    label: str = "embed",
) -> Embeddings:
    """One vector per tracklet: the mean over its dense clips.

    All frames are used (`sample_clips(mode="dense")`). Batches are filled across tracklets, so that short
    tracklets cost no more per clip than long ones.

    Args:
        model: moved to `device` and set to evaluation.
        tracklets: at least one.
        clip_len: T; default the model's own.
        batch_size: clips per forward pass; does not change the result.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16", or "auto" for bf16 where the hardware has it.
        workers: processes that decode.
        neck: "after" the BN neck, as the official code scores, or "before" it.
        label: for the progress bar; none if empty.

    Raises:
        DatasetError: no tracklets, or one without any readable frame.

    """
    if not tracklets:
        raise DatasetError("There is nothing to embed", expected="at least one tracklet", found="none")
    place = resolve_device(device)
    bf16 = resolve_precision(precision, place) == "bf16"
    model = model.to(place).eval()
    sums = torch.zeros(len(tracklets), model.embedding_dim)
    counts = torch.zeros(len(tracklets), 1)
    bad: set[Path] = set()
    total, batches = dense_batches(
        tracklets,
        Transform(model.image_size),
        clip_len=clip_len or model.clip_len,
        batch_size=batch_size,
        workers=workers,
    )
    for batch in progress(batches, label=label, total=total) if label else batches:
        clips = normalise(batch.frames.to(place, non_blocking=True))
        with torch.inference_mode(), torch.autocast(place.type, torch.bfloat16, enabled=bf16):
            output = model(clips)
        vectors = output.embedding if neck == "after" else output.pooled
        sums.index_add_(0, batch.rows, vectors.float().cpu())
        counts.index_add_(0, batch.rows, torch.ones(len(batch.rows), 1))
        bad.update(batch.bad_frames)
    if bad:
        print(f"warning: {len(bad)} frames could not be read, first {min(bad)}", file=sys.stderr)
    return label_vectors((sums / counts).numpy(), tracklets)


def label_vectors(vectors: Float32[np.ndarray, "N D"], tracklets: Sequence[Tracklet]) -> Embeddings:
    """One vector per tracklet, with whose it is, where it was seen, and its name."""
    return Embeddings(
        vectors,
        np.array([t.person_id for t in tracklets], dtype=np.int64),
        np.array([t.camera_id for t in tracklets], dtype=np.int64),
        tuple(t.key for t in tracklets),
    )
