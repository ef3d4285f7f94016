"""Tracklets to vectors: dense clips of many tracklets in full batches, then the mean per tracklet."""

from __future__ import annotations

import dataclasses
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from stca.clips import ClipBatch, Transform, count_clips, dense_batches, sample_clips
from stca.errors import DatasetError
from stca.inference import Neck, Runtime, open_runtime, plan_inference
from stca.models import ReIDModel
from stca.models.distinct_frames import distinct_frames
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
    tracklets cost no more per clip than long ones. A model that sees frames one by one computes every frame
    once, also where a short tracklet's frames are repeated to fill a clip. What computes, and in which
    precision, is chosen by the hardware and by how much there is to do (`plan_inference`); it is printed on
    stderr.

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
        ConfigError: a device, precision or runtime that does not exist or does not fit the others; a clip_len
            the network does not take.
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
    frames: int | None = None,
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
        frames: about how many frames will come, where the tracklets are not known yet (not with int8).

    """
    if not (tracklets or frames):
        raise DatasetError("There is nothing to embed", expected="at least one tracklet", found="none")
    clip_len = clip_len or model.clip_len
    model.check_clip_len(clip_len)
    alone = model.frame_by_frame
    if frames is None:
        frames = sum(map(len, tracklets)) if alone else count_clips(tracklets, clip_len) * clip_len
    plan = plan_inference(model, frames=frames, device=device, precision=precision, runtime=runtime)
    engine = open_runtime(
        model,
        plan,
        clip_len=1 if alone else clip_len,
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
        self,
        tracklets: Sequence[Tracklet],
        *,
        batch_size: int = 16,
        workers: int = 2,
        label: str = "embed",
        watch: Callable[[int], None] | None = None,
    ) -> Embeddings:
        """One vector per tracklet; see `embed_tracklets`.

        Args:
            tracklets: N.
            batch_size: clips per forward pass.
            workers: number of decoding processes.
            label: for the progress bar; none if empty.
            watch: told after every forward pass how many more of `amount` are computed.

        Raises:
            DatasetError: no tracklets, or one without any readable frame.

        """
        if not tracklets:
            raise DatasetError("There is nothing to embed", expected="at least one tracklet", found="none")
        total, parts = self._parts(tracklets, batch_size, workers)
        if label:
            print(f"{label}: {self._amount(tracklets)}; {self.engine.name}", file=sys.stderr)
        waiting: deque[_Part] = deque()
        results = self.engine.map(_batches_of(parts, waiting))
        sums = torch.zeros(len(tracklets), self.model.embedding_dim)
        bad: set[Path] = set()
        for batch, vectors in progress(results, label=label, total=total) if label else results:
            part = waiting.popleft()
            sums.index_add_(0, part.rows, part.weights[:, None] * vectors[part.computed])
            bad.update(batch.bad_frames)
            if watch is not None:
                watch(len(part.rows))
        if bad:
            print(f"warning: {len(bad)} frames could not be read, first {min(bad)}", file=sys.stderr)
        return label_vectors(sums.numpy(), tracklets, computed_by=self.engine.name)

    def amount(self, tracklets: Sequence[Tracklet]) -> int:
        """How much there is to compute: frames of a model that sees them one by one, else clips."""
        return (
            sum(map(len, tracklets)) if self.model.frame_by_frame else count_clips(tracklets, self.clip_len)
        )

    def _amount(self, tracklets: Sequence[Tracklet]) -> str:
        kind = "frames" if self.model.frame_by_frame else f"clips of {self.clip_len} frames"
        return f"{len(tracklets)} tracklets, {self.amount(tracklets)} {kind}"

    def _parts(
        self, tracklets: Sequence[Tracklet], batch_size: int, workers: int
    ) -> tuple[int, Iterator[_Part]]:
        """How many batches there are, and what is computed of each.

        A model that sees frames one by one gets every frame once, with the weight it has in the mean over
        dense clips, whose last one repeats frames; and equal frames of a batch once.
        """
        alone, clip_len = self.model.frame_by_frame, self.clip_len
        total, batches = dense_batches(
            tracklets,
            Transform(self.model.image_size),
            clip_len=1 if alone else clip_len,
            batch_size=batch_size * clip_len if alone else batch_size,
            workers=workers,
        )
        weights = torch.from_numpy(
            np.concatenate([_weights(len(tracklet), clip_len, alone=alone) for tracklet in tracklets])
        )
        return total, (
            _part(batch, part_weights, alone=alone) for batch, part_weights in _with_weights(batches, weights)
        )


@dataclass(frozen=True)
class _Part:
    """A batch, and how its vectors add up.

    Args:
        batch: what is computed.
        rows: the tracklet of every clip.
        weights: of every clip in its tracklet's mean.
        computed: which vector of the batch is the clip's.

    """

    batch: ClipBatch
    rows: Int64[Tensor, " N"]
    weights: Float32[Tensor, " N"]
    computed: Int64[Tensor, " N"]


def _part(batch: ClipBatch, weights: Float32[Tensor, " N"], *, alone: bool) -> _Part:
    if not alone:
        return _Part(batch, batch.rows, weights, torch.arange(len(batch.rows)))
    first, computed = distinct_frames(batch.frames)
    distinct = ClipBatch(batch.frames[first], batch.rows[first], batch.bad_frames)
    return _Part(distinct, batch.rows, weights, computed)


def _with_weights(
    batches: Iterable[ClipBatch], weights: Float32[Tensor, " N"]
) -> Iterator[tuple[ClipBatch, Float32[Tensor, " n"]]]:
    """Batches come in the order of tracklets and of the clips within them, as the weights do."""
    start = 0
    for batch in batches:
        yield batch, weights[start : start + len(batch.rows)]
        start += len(batch.rows)


def _batches_of(parts: Iterable[_Part], waiting: deque[_Part]) -> Iterator[ClipBatch]:
    """The parts' batches, for a runtime, which may take several before it gives the first one's vectors."""
    for part in parts:
        waiting.append(part)
        yield part.batch


def _weights(frames: int, clip_len: int, *, alone: bool) -> Float32[np.ndarray, " N"]:
    """Weights in the mean over a tracklet's dense clips: of its frames, if `alone`, else of its clips."""
    clips = sample_clips(frames, clip_len, mode="dense")
    if not alone:
        return np.full(len(clips), 1 / len(clips), dtype=np.float32)
    return (np.bincount(clips.ravel(), minlength=frames) / clips.size).astype(np.float32)


def calibration_clips(
    model: ReIDModel, tracklets: Sequence[Tracklet], clip_len: int
) -> UInt8[Tensor, "N T H W 3"]:
    """The first clip of up to 32 tracklets, evenly spread from the first to the last.

    For a model that sees frames one by one, the frames of these clips, as clips of one.
    """
    rows = np.linspace(0, len(tracklets) - 1, min(len(tracklets), CALIBRATION_CLIPS)).astype(int)
    chosen = [dataclasses.replace(tracklets[row], frames=tracklets[row].frames[:clip_len]) for row in rows]
    _, batches = dense_batches(
        chosen, Transform(model.image_size), clip_len=clip_len, batch_size=CALIBRATION_CLIPS
    )
    frames = next(iter(batches)).frames
    return frames.flatten(0, 1).unsqueeze(1) if model.frame_by_frame else frames


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
