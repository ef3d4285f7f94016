"""Options of the trunk in training: synchronised batch norms, activation checkpointing.

Nothing of this is part of a model: modules are given other forward functions for the length of a step, so any
`ReIDModel` will do, and parameters, buffers and their names stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stca.errors import ConfigError
from stca.models import ReIDModel
from stca.training.engine import Fabric
from stca.training.sync_norm import sync_norm

Forward = Callable[..., Tensor]


@contextmanager
def trunk_options(
    fabric: Fabric,
    model: ReIDModel,
    heads: Sequence[nn.Module],
    *,
    checkpoint_activations: bool,
    sync_norms: bool,
) -> Iterator[None]:
    """Around forward and backward passes.

    Args:
        fabric: whose ranks.
        model: its trunk is everything but its heads.
        heads: its parts that always see the whole batch.
        checkpoint_activations: stages keep their input only, and compute the rest again in the backward pass.
            Loss, gradients and running statistics are the same.
        sync_norms: batch norms see the clips of all ranks; with one rank there is nothing to do.

    Raises:
        ConfigError: activations of a model without stages.

    """
    with ExitStack() as stack:
        if sync_norms and fabric.world_size > 1:
            of_heads = [norm for head in heads for norm in batch_norms(head)]
            norms = [norm for norm in batch_norms(model) if norm not in of_heads]
            stack.enter_context(_computing({norm: partial(sync_norm, fabric, norm) for norm in norms}))
        if checkpoint_activations:
            stages: dict[nn.Module, Forward] = {
                stage: partial(_recomputing, stage, stage.forward) for stage in find_stages(model)
            }
            stack.enter_context(_computing(stages))
        yield


def find_stages(model: ReIDModel) -> list[nn.Sequential]:
    """The outermost `nn.Sequential`s of the trunk: the stages of its streams.

    Raises:
        ConfigError: there are none.

    """

    def search(module: nn.Module) -> Iterator[nn.Sequential]:
        for child in module.children():
            if isinstance(child, nn.Sequential):
                yield child
            elif child is not model.head:
                yield from search(child)

    if not (found := list(search(model))):
        raise ConfigError(
            "This model's activations cannot be computed again",
            expected="stages that are nn.Sequential",
            found="none",
            hint="batch.checkpoint_activations=false",
        )
    return found


def batch_norms(module: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """All of them, at any depth."""
    return [each for each in module.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms normalise by their batch but do not add it to their running statistics."""
    norms = batch_norms(module)
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


@contextmanager
def _computing(forwards: Mapping[nn.Module, Forward]) -> Iterator[None]:
    """Let modules compute by these functions."""
    before = {module: vars(module).get("forward") for module in forwards}
    for module, forward in forwards.items():
        module.forward = forward
    try:
        yield
    finally:
        for module, forward_before in before.items():
            del module.forward
            if forward_before is not None:
                module.forward = forward_before


def _recomputing(stage: nn.Module, forward: Forward, x: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return forward(x)

    def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), frozen_statistics(stage)  # the second time is no second batch

    y: Tensor = checkpoint(forward, x, use_reentrant=False, context_fn=contexts)
    return y
