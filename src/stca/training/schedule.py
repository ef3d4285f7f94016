"""The schedule of a run: batches, learning rates, and when tests and checkpoints are due."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stca.clips import ClipBatch, PKSampler, Transform, train_batches
from stca.config import OptimConfig, RunConfig
from stca.tracklets import Tracklet


class Position(NamedTuple):
    """Progress of a run: completed epochs, completed batches of the next one, steps in all."""

    epoch: int = 0
    batch: int = 0
    step: int = 0

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> Position:
        """Where a checkpoint was taken; those of before `checkpoint_steps` were all at an epoch's end."""
        return cls() if state is None else cls(state["epoch"], state.get("batch", 0), state["step"])


def batches_from(
    start: Position,
    tracklets: Sequence[Tracklet],
    sampler: PKSampler,
    config: RunConfig,
    *,
    image_size: tuple[int, int],
) -> Iterator[tuple[int, Position, ClipBatch]]:
    """(epoch, where the run is behind this batch, batch) from `start` to the end."""
    clips = config.clips
    transform = Transform(image_size, flip=clips.flip, crop=clips.crop, per_frame=clips.per_frame)
    epochs = range(start.epoch, config.optim.epochs)
    batches = train_batches(
        tracklets,
        copy.copy(sampler),
        transform,
        clip_len=clips.clip_len,
        mode=clips.sampling,
        epochs=epochs,
        first=start.batch,
        workers=config.workers,
    )
    step = start.step
    for epoch in epochs:
        sampler.set_epoch(epoch)
        first = start.batch if epoch == start.epoch else 0
        for number in range(first + 1, len(sampler) + 1):
            step += 1
            over = number == len(sampler)
            yield epoch, Position(epoch + over, 0 if over else number, step), next(batches)


def count_batches(start: Position, sampler: PKSampler, config: RunConfig) -> int:
    """How many `batches_from` gives."""
    count = -start.batch
    for epoch in range(start.epoch, config.optim.epochs):
        sampler.set_epoch(epoch)
        count += len(sampler)
    return count


def learning_rate(optim: OptimConfig, epoch: int) -> float:
    """Of an epoch, counted from 0: warm-up, then a factor `gamma` at each milestone passed."""
    warmup = min(1.0, (epoch + 1) / (optim.warmup_epochs + 1)) if optim.warmup_epochs else 1.0
    return float(optim.lr * warmup * optim.gamma ** sum(epoch >= each for each in optim.milestones))


def checkpoint_due(position: Position, config: RunConfig) -> bool:
    """Whether to save a checkpoint here."""
    if config.checkpoint_steps and position.step % config.checkpoint_steps == 0:
        return True
    finished = position.epoch == config.optim.epochs
    return position.batch == 0 and (finished or position.epoch % config.checkpoint_every == 0)


def evaluation_due(position: Position, config: RunConfig) -> bool:
    """Whether to test here: at the end, and after every `config.eval.every` epochs."""
    if position.batch or not position.epoch:
        return False
    every = config.eval.every
    return position.epoch == config.optim.epochs or bool(every and position.epoch % every == 0)
