"""Batches of clips, decoded by workers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from stca.clips.decoding import decode_clip
from stca.clips.pk_sampler import PKSampler
from stca.clips.sampling import SamplingMode, sample_clips
from stca.clips.transforms import Transform
from stca.clips.workers import iterate
from stca.errors import StcaError
from stca.tracklets import Tracklet


@dataclass(frozen=True)
class ClipBatch:
    """What workers deliver.

    Args:
        frames: (B, T, H, W, 3) uint8; `normalise` makes clips of them.
        rows: (B,) which tracklet each clip is from.
        bad_frames: files that could not be read and were replaced by a neighbour.

    """

    frames: UInt8[Tensor, "B T H W 3"]
    rows: Int64[Tensor, " B"]
    bad_frames: tuple[Path, ...]


@dataclass(frozen=True)
class _Decoded:
    """A batch, or one clip, on its way from a worker.

    In arrays: tensors would be handed over through shared memory, of which a container has 64 MB by default,
    and PyTorch's loader waits for ever for a batch that found no room there. A pipe takes 38 MB (32 clips of
    8 frames of 384x128) in some hundredths of a second.
    """

    frames: UInt8[np.ndarray, "B T H W 3"]
    rows: Int64[np.ndarray, " B"]
    bad_frames: tuple[Path, ...]

    def batch(self) -> ClipBatch:
        return ClipBatch(torch.from_numpy(self.frames), torch.from_numpy(self.rows), self.bad_frames)

    def pin_memory(self) -> ClipBatch:
        """Called by a thread of PyTorch's loader."""
        batch = self.batch()
        return ClipBatch(batch.frames.pin_memory(), batch.rows, batch.bad_frames)


@dataclass(frozen=True)
class _Request:
    row: int
    frames: tuple[int, ...] | None = None
    seed: tuple[int, ...] | None = None


class _Clips(Dataset["_Decoded | StcaError"]):
    def __init__(
        self,
        tracklets: Sequence[Tracklet],
        transform: Transform,
        *,
        clip_len: int,
        mode: SamplingMode = "consecutive",
    ) -> None:
        self.tracklets, self.transform, self.clip_len, self.mode = tracklets, transform, clip_len, mode

    def __getitem__(self, request: _Request) -> _Decoded | StcaError:
        try:
            return self._decode(request)
        except StcaError as error:
            return error  # raised in a worker it would arrive as a traceback in a text

    def _decode(self, request: _Request) -> _Decoded:
        tracklet = self.tracklets[request.row]
        rng = np.random.default_rng(request.seed) if request.seed else None
        if request.frames is None:
            frames = sample_clips(len(tracklet), self.clip_len, mode=self.mode, rng=rng)[0]
        else:
            frames = np.array(request.frames)
        clip = decode_clip(tracklet, frames, self.transform, rng=rng)
        return _Decoded(clip.frames[None], np.array([request.row], np.int64), clip.bad)


def _collate(samples: list[_Decoded | StcaError]) -> _Decoded | StcaError:
    clips = []
    for sample in samples:
        if isinstance(sample, StcaError):
            return sample
        clips.append(sample)
    return _Decoded(
        np.concatenate([s.frames for s in clips]),
        np.concatenate([s.rows for s in clips]),
        tuple(itertools.chain.from_iterable(s.bad_frames for s in clips)),
    )


def train_batches(
    tracklets: Sequence[Tracklet],
    sampler: PKSampler,
    transform: Transform,
    *,
    clip_len: int,
    mode: SamplingMode = "consecutive",
    epochs: Sequence[int] = (0,),
    first: int = 0,
    workers: int = 0,
) -> Iterator[ClipBatch]:
    """Training batches of one epoch after the other, one random clip per drawn tracklet.

    A clip's random draws depend on seed, epoch, batch and place in the whole batch alone, so any number of
    workers or processes, and a run resumed at batch `first` of the first epoch, give the same clips. Workers
    live from the first epoch to the last and decode ahead across their borders, so the sampler may be epochs
    ahead of the batches.
    """
    dataset = _Clips(tracklets, transform, clip_len=clip_len, mode=mode)
    yield from _load(dataset, _random_requests(sampler, epochs, first), workers)


def _random_requests(sampler: PKSampler, epochs: Sequence[int], first: int) -> Iterator[list[_Request]]:
    for epoch in epochs:
        sampler.set_epoch(epoch)
        for number, rows in enumerate(list(sampler)):
            if epoch != epochs[0] or number >= first:
                places = enumerate(rows, start=sampler.rank * len(rows))
                yield [_Request(row, seed=(sampler.seed, epoch, number, 0, place)) for place, row in places]


def dense_batches(
    tracklets: Sequence[Tracklet],
    transform: Transform,
    *,
    clip_len: int,
    batch_size: int,
    workers: int = 0,
) -> tuple[int, Iterator[ClipBatch]]:
    """All dense clips of all tracklets in full batches; only the last one may be smaller.

    Returns:
        the number of batches, and the batches.

    """
    requests = [
        _Request(row, frames=tuple(clip))
        for row, tracklet in enumerate(tracklets)
        for clip in sample_clips(len(tracklet), clip_len, mode="dense").tolist()
    ]
    batches = [requests[i : i + batch_size] for i in range(0, len(requests), batch_size)]
    return len(batches), _load(_Clips(tracklets, transform, clip_len=clip_len), batches, workers)


def count_clips(tracklets: Sequence[Tracklet], clip_len: int) -> int:
    """How many dense clips all tracklets have together."""
    return sum(-(-len(tracklet) // clip_len) for tracklet in tracklets)


def _load(dataset: _Clips, batches: Iterable[list[_Request]], workers: int) -> Iterator[ClipBatch]:
    def make_loader(count: int, timeout: float) -> DataLoader[_Decoded | StcaError]:
        return DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=_collate,
            num_workers=count,
            timeout=timeout,
            pin_memory=torch.cuda.is_available(),
        )

    for item in iterate(make_loader, workers):
        if isinstance(item, StcaError):
            raise item
        yield item.batch() if isinstance(item, _Decoded) else item  # pinned memory holds a ClipBatch
