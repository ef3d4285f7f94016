"""Loss and gradients of one batch, in pieces and over processes, always with the whole batch's mining."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from stca.losses import AuthorsParts, LossParts, ReIDObjective
from stca.models import ReIDModel
from stca.training.engine import Fabric, gather, sum_gradients
from stca.training.trunk import frozen_statistics, trunk_options


def backward(
    fabric: Fabric,
    model: ReIDModel,
    objective: ReIDObjective,
    clips: Float[Tensor, "B T 3 H W"],
    person_ids: Int64[Tensor, " B"],
    *,
    micro_batch: int | None = None,
    checkpoint_activations: bool = False,
    sync_norm: bool = False,
) -> LossParts | AuthorsParts:
    """Loss of one batch, and gradients of it in all parameters.

    First what the losses look at, a row a clip (`objective.clip_rows`: the pooled vectors); then, over the
    rows of all ranks, heads and losses (`objective.batch_loss`) and their gradient in the rows; then that
    gradient back through the trunk. Mining, BN neck and centres so see the whole batch on every rank. The
    batch norms in the trunk see a rank's share of it, or, with `sync_norm`, the shares of all; with
    `micro_batch`, a piece of that share, or the pieces of all ranks that have their turn together.

    Args:
        fabric: where to compute; its world size times B clips are the batch.
        model: the network.
        objective: the losses.
        clips: this rank's share.
        person_ids: whose they are, numbered from 0.
        micro_batch: clips that go through the trunk at once, dealt out so that a piece holds as many persons
            as it can (a batch norm that saw one person only would take out who it is). The trunk is then gone
            through twice, first without keeping anything for the gradient.
        checkpoint_activations: the trunk's stages keep their input only and are gone through once more in the
            backward pass. The result is the same.
        sync_norm: batch norms of the trunk see the clips of all ranks: gradients and running statistics are
            those of one process with the whole batch.

    """
    heads = objective.heads(model)
    with trunk_options(
        fabric, model, heads, checkpoint_activations=checkpoint_activations, sync_norms=sync_norm
    ):
        return _backward(fabric, model, objective, clips, person_ids, micro_batch)


def _backward(
    fabric: Fabric,
    model: ReIDModel,
    objective: ReIDObjective,
    clips: Float[Tensor, "B T 3 H W"],
    person_ids: Int64[Tensor, " B"],
    micro_batch: int | None,
) -> LossParts | AuthorsParts:
    pieces = _split_batch(len(clips), micro_batch or len(clips))
    if len(pieces) == 1:
        local = _clip_rows(fabric, model, objective, clips)
    else:
        with torch.no_grad(), frozen_statistics(model):
            seen = [_clip_rows(fabric, model, objective, clips[piece]) for piece in pieces]
        local = clips.new_empty(len(clips), seen[0].shape[1])
        for piece, rows in zip(pieces, seen, strict=True):
            local[piece] = rows
    rows = gather(fabric, local).requires_grad_()
    losses = objective.batch_loss(model, rows, gather(fabric, person_ids))
    torch.autograd.backward(losses.total)
    assert rows.grad is not None
    mine = rows.grad[fabric.global_rank * len(clips) :][: len(clips)]
    if len(pieces) == 1:
        torch.autograd.backward(local, mine)
    else:
        for piece in pieces:
            torch.autograd.backward(_clip_rows(fabric, model, objective, clips[piece]), mine[piece])
    head = {id(parameter) for part in objective.heads(model) for parameter in part.parameters()}
    sum_gradients(fabric, [p for p in model.parameters() if id(p) not in head])
    return losses


def _split_batch(clips: int, most: int) -> list[slice]:
    """Slices of at most `most` rows; neighbours, which show the same person, go to different slices."""
    count = -(-clips // most)
    return [slice(first, None, count) for first in range(count)]


def _clip_rows(
    fabric: Fabric, model: ReIDModel, objective: ReIDObjective, clips: Float[Tensor, "B T 3 H W"]
) -> Float[Tensor, "B E"]:
    with fabric.autocast():
        return objective.clip_rows(model, clips).float()
