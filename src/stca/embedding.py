"""Tracklets to vectors: dense clips of many tracklets in full batches, then the mean per tracklet."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from stca.clips import Transform, count_clips, dense_batches
from stca.errors import DatasetError
from stca.inference import Neck, Runtime, open_runtime, plan_inference
from stca.models import ReIDModel
from stca.tools.progress import progress
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
    with open_embedder(
        model, tracklets, clip_len=clip_len, device=device, precision=precision, runtime=runtime, neck=neck
    ) as embedder:
        return embedder.embed(tracklets, batch_size=batch_size, workers=workers, label=label)


@contextmanager
def open_embedder(
    model: ReIDModel,
    tracklets: Sequence[Tracklet],
    *,
    clip_len: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    neck: Neck = "after",
) -> Iterator[Embedder]:
    """A runtime for all of these tracklets, converted and compiled once, that embeds them part by part.

    Args:
        model: see `embed_tracklets`, also for what follows and for what is raised.
        tracklets: all that will come: what computes is chosen by their number, int8's scales by their frames.
        clip_len: T; default the model's own.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16", "int8" or "auto".
        runtime: "torch", "compile", "openvino", "onnxruntime", or "auto".
        neck: "after" the BN neck or "before" it.

    """
    if not tracklets:
        raise DatasetError("There is nothing to embed", expected="at least one tracklet", found="none")
    clip_len = clip_len or model.clip_len
    frames = count_clips(tracklets, clip_len) * clip_len
    plan = plan_inference(model, frames=frames, device=device, precision=precision, runtime=runtime)
    engine = open_runtime(
        model,
        plan,
        clip_len=clip_len,
        neck=neck,
        calibration=lambda: calibration_clips(model, tracklets, clip_len),
    )
    try:
        yield Embedder(model, engine, clip_len)
    finally:
        engine.close()


@dataclass(frozen=True)
class Embedder:
    """An opened runtime (`open_embedder`).

    Args:
        model: what the runtime runs.
        engine: the runtime.
        clip_len: T.

    """

    model: ReIDModel
    engine: Runtime
    clip_len: int

    def embed(
        self, tracklets: Sequence[Tracklet], *, batch_size: int = 16, workers: int = 2, label: str = "embed"
    ) -> Embeddings:
        """One vector per tracklet; see `embed_tracklets`.

        Raises:
            DatasetError: no tracklets, or one without any readable frame.

        """
        if not tracklets:
            raise DatasetError("There is nothing to embed", expected="at least one tracklet", found="none")
        if label:
            clips = f"{count_clips(tracklets, self.clip_len)} clips of {self.clip_len} frames"
            print(f"{label}: {len(tracklets)} tracklets, {clips}; {self.engine.name}", file=sys.stderr)
        total, batches = dense_batches(
            tracklets,
            Transform(self.model.image_size),
            clip_len=self.clip_len,
            batch_size=batch_size,
            workers=workers,
        )
        results = self.engine.map(batches)
        sums = torch.zeros(len(tracklets), self.model.embedding_dim)
        counts = torch.zeros(len(tracklets), 1)
        bad: set[Path] = set()
        for batch, vectors in progress(results, label=label, total=total) if label else results:
            sums.index_add_(0, batch.rows, vectors)
            counts.index_add_(0, batch.rows, torch.ones(len(batch.rows), 1))
            bad.update(batch.bad_frames)
        if bad:
            print(f"warning: {len(bad)} frames could not be read, first {min(bad)}", file=sys.stderr)
        return label_vectors((sums / counts).numpy(), tracklets, computed_by=self.engine.name)


def calibration_clips(
    model: ReIDModel, tracklets: Sequence[Tracklet], clip_len: int
) -> UInt8[Tensor, "N T H W 3"]:
    """The first clip of up to 32 tracklets, evenly spread from the first to the last."""
    rows = np.linspace(0, len(tracklets) - 1, min(len(tracklets), CALIBRATION_CLIPS)).astype(int)
    chosen = [dataclasses.replace(tracklets[row], frames=tracklets[row].frames[:clip_len]) for row in rows]
    _, batches = dense_batches(
        chosen, Transform(model.image_size), clip_len=clip_len, batch_size=CALIBRATION_CLIPS
    )
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
