"""Tracklets to vectors: dense clips of many tracklets in full batches, then the mean per tracklet."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from stca.clips import Transform, count_clips, dense_batches
from stca.errors import DatasetError
from stca.inference import Neck, open_runtime, plan_inference
from stca.models import ReIDModel
from stca.progress import progress
from stca.tracklets import Embeddings, Tracklet

CALIBRATION_CLIPS = 32
"""By which int8 chooses its scales, each from another tracklet."""


def embed_tracklets(
    model: ReIDModel,
    tracklets: Sequence[Tracklet],
    *,
    clip_len: int | None = None,
    batch_size: int = 16,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    workers: int = 2,
    neck: Neck = "after",
    label: str = "embed",
) -> Embeddings:
    """One vector per tracklet: the mean over its dense clips.

    All frames are used (`sample_clips(mode="dense")`). Batches are filled across tracklets, so that short
    tracklets cost no more per clip than long ones. What computes, and in which precision, is chosen by the
    hardware and by how much there is to do (`plan_inference`), and said on stderr.

    Args:
        model: set to evaluation, and moved to the device.
        tracklets: at least one.
        clip_len: T; default the model's own.
        batch_size: clips per forward pass; does not change the result.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16", "int8" (scales are chosen by some of the tracklets), or "auto".
        runtime: "torch", "compile", "openvino", "onnxruntime", or "auto".
        workers: processes that decode.
        neck: "after" the BN neck, as the official code scores, or "before" it.
        label: for the progress bar; none if empty.

    Raises:
        DatasetError: no tracklets, or one without any readable frame.
        ConfigError: a device, precision or runtime that does not exist or does not fit the others.
        StcaError: a runtime that is not installed, or that cannot take this network.

    """
    if not tracklets:
        raise DatasetError("There is nothing to embed", expected="at least one tracklet", found="none")
    clip_len = clip_len or model.clip_len
    transform = Transform(model.image_size)
    clips = count_clips(tracklets, clip_len)
    plan = plan_inference(model, frames=clips * clip_len, device=device, precision=precision, runtime=runtime)
    engine = open_runtime(
        model,
        plan,
        clip_len=clip_len,
        neck=neck,
        calibration=lambda: _some_clips(tracklets, transform, clip_len),
    )
    if label:
        print(
            f"{label}: {len(tracklets)} tracklets, {clips} clips of {clip_len} frames; {engine.name}",
            file=sys.stderr,
        )
    total, batches = dense_batches(
        tracklets, transform, clip_len=clip_len, batch_size=batch_size, workers=workers
    )
    results = engine.map(batches)
    sums = torch.zeros(len(tracklets), model.embedding_dim)
    counts = torch.zeros(len(tracklets), 1)
    bad: set[Path] = set()
    for batch, vectors in progress(results, label=label, total=total) if label else results:
        sums.index_add_(0, batch.rows, vectors)
        counts.index_add_(0, batch.rows, torch.ones(len(batch.rows), 1))
        bad.update(batch.bad_frames)
    if bad:
        print(f"warning: {len(bad)} frames could not be read, first {min(bad)}", file=sys.stderr)
    return label_vectors((sums / counts).numpy(), tracklets, computed_by=engine.name)


def _some_clips(
    tracklets: Sequence[Tracklet], transform: Transform, clip_len: int
) -> UInt8[Tensor, "N T H W 3"]:
    """The first clip of tracklets from all over the data."""
    step = max(1, len(tracklets) // CALIBRATION_CLIPS)
    chosen = [dataclasses.replace(t, frames=t.frames[:clip_len]) for t in tracklets[::step]]
    _, batches = dense_batches(chosen, transform, clip_len=clip_len, batch_size=CALIBRATION_CLIPS)
    return next(iter(batches)).frames


def label_vectors(
    vectors: Float32[np.ndarray, "N D"], tracklets: Sequence[Tracklet], *, computed_by: str = ""
) -> Embeddings:
    """One vector per tracklet, with whose it is, where it was seen, and its name."""
    return Embeddings(
        vectors,
        np.array([t.person_id for t in tracklets], dtype=np.int64),
        np.array([t.camera_id for t in tracklets], dtype=np.int64),
        tuple(t.key for t in tracklets),
        computed_by,
    )
