"""The training loop: forward, loss, backward, step, log, save."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from stca.clips import PKSampler, normalise
from stca.config import RunConfig
from stca.errors import ConfigError
from stca.losses import AUTHORS, AuthorsParts, LossParts, ReIDObjective
from stca.models import ReIDModel, model_bytes
from stca.models.heads import IdentityHead
from stca.run_dir import RunDir
from stca.tools.progress import progress
from stca.tracklets import Tracklet
from stca.training.backward import backward
from stca.training.engine import Fabric, broadcast, launch
from stca.training.log import Log, divergence_error
from stca.training.schedule import (
    Position,
    batches_from,
    checkpoint_due,
    count_batches,
    evaluation_due,
    learning_rate,
)
from stca.training.state import TrainingState, objective_class, prepare

Evaluate = Callable[[ReIDModel], Mapping[str, float]]


def fit(
    model: ReIDModel,
    tracklets: Sequence[Tracklet],
    config: RunConfig,
    run: RunDir,
    *,
    evaluate: Evaluate | None = None,
    fabric: Fabric = None,
) -> None:
    """Train `model` in place, from the run's newest checkpoint if it has one.

    On a CPU, in float32, a run that is stopped anywhere and goes on ends with the same bits as one that was
    never stopped. There it also asks the C library to keep freed memory, to the end of the process
    (`stca.tools.devices.keep_freed_memory`).

    Args:
        model: on the CPU; its classifier counts the persons of `tracklets`.
        tracklets: training data.
        config: losses, optimiser, batches, schedule.
        run: where metrics and checkpoints go.
        evaluate: called every `config.eval.every` epochs and at the end, on every rank, with the same
            weights; rank 0's figures are logged.
        fabric: what `launch(config)` gave; every rank calls `fit`, rank 0 writes.

    Raises:
        ConfigError: a model that cannot learn or takes no such clips, or too few persons.
        TrainingError: the loss is no longer finite.

    """
    fabric = launch(config) if fabric is None else fabric
    labels = _labels(model, tracklets, config).to(fabric.device)
    sampler = _sampler(tracklets, config, fabric)
    state, position = prepare(model, config, run, fabric)
    stopped_in_test = evaluation_due(position, config) and not _tested(run, position.step)
    fabric.barrier()  # every rank has read what rank 0 will now change

    log = Log(run, config, start=position.step, writes=fabric.is_global_zero)
    total = count_batches(position, sampler, config)
    batches = batches_from(position, tracklets, sampler, config, image_size=model.image_size)
    if fabric.is_global_zero:
        batches = progress(batches, label="train", total=total, status=log.status)
    if evaluate and stopped_in_test:
        _test(fabric, model, evaluate, log, position)
    for epoch, position, batch in batches:
        lr = learning_rate(config.optim, epoch)
        clips = normalise(batch.frames.to(fabric.device, non_blocking=True))
        losses = _gradients(fabric, state, clips, labels[batch.rows.to(fabric.device)], config)
        log.step(position.step, epoch, lr, losses, batch)
        _step(state, lr, config.loss.center_weight)
        if checkpoint_due(position, config):
            _check_weights(model, clips[:1], f"step {position.step}, epoch {epoch + 1}")
            if fabric.is_global_zero:
                run.save_checkpoint(
                    position.step, model_bytes(model), state.checkpoint(position, config, fabric)
                )
        if evaluate and evaluation_due(position, config):
            _test(fabric, model, evaluate, log, position)
    log.close()
    vars(model).pop("features", None)
    model.eval()


def _gradients(
    fabric: Fabric,
    state: TrainingState,
    clips: Float[Tensor, "B T 3 H W"],
    person_ids: Int64[Tensor, " B"],
    config: RunConfig,
) -> LossParts | AuthorsParts:
    """Of this batch, in place of those of the last one."""
    state.optimizer.zero_grad()
    state.centers.zero_grad()
    return backward(
        fabric,
        state.model,
        state.objective,
        clips,
        person_ids,
        micro_batch=config.batch.micro_batch,
        checkpoint_activations=config.batch.checkpoint_activations,
        sync_norm=config.batch.sync_norm,
    )


def _step(state: TrainingState, lr: float, center_weight: float) -> None:
    """Step the network, and the centres by the gradient of their own loss, whatever its weight in the sum."""
    for group in state.optimizer.param_groups:
        group["lr"] = lr
    state.optimizer.step()
    if center_weight:
        for group in state.centers.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad /= center_weight
        state.centers.step()


def _test(fabric: Fabric, model: ReIDModel, evaluate: Evaluate, log: Log, position: Position) -> None:
    """Every rank with rank 0's running statistics, which are those that are saved."""
    broadcast(fabric, model.buffers())
    log.evaluation(position.step, position.epoch - 1, evaluate(model.eval()))
    fabric.barrier()
    model.train()


def _check_weights(model: ReIDModel, clips: Float[Tensor, "B T 3 H W"], where: str) -> None:
    """Raise where the model gives no vectors, before its checkpoint takes the place of an older one."""
    with torch.no_grad():
        vectors = model.eval()(clips).embedding
        model.train()
    # Past 1e9 the next step's squares and sums are infinite, even if these numbers are not yet.
    if not (vectors.abs() < 1e9).all():
        raise divergence_error(f"vectors of up to {float(vectors.abs().max()):.3g}", where)


def _tested(run: RunDir, step: int) -> bool:
    return any(record["kind"] == "eval" and record["step"] == step for record in run.metrics())


def _check(model: ReIDModel, config: RunConfig) -> None:
    """Raise ConfigError where the model cannot be trained so."""
    if not model.trainable:
        raise ConfigError(
            "This model has nothing to learn", found=model.spec.name, hint="evaluate it as it is"
        )
    if objective_class(model, config) is ReIDObjective and isinstance(model.head, IdentityHead):
        hint = "loss.by=authors" if getattr(model, "system", None) in AUTHORS else "a loop of your own"
        raise ConfigError("This model has no classifier, and so no ID loss", found=model.spec.name, hint=hint)
    model.check_clip_len(config.clips.clip_len)


def _labels(model: ReIDModel, tracklets: Sequence[Tracklet], config: RunConfig) -> Int64[Tensor, " N"]:
    """Persons as numbers from 0, in the order of their ids, for a model that can learn them."""
    _check(model, config)
    number = {person: i for i, person in enumerate(sorted({t.person_id for t in tracklets}))}
    if len(number) != model.spec.num_ids:
        raise ConfigError(
            "Model and data do not fit", expected=f"num_ids={len(number)}", found=model.spec.num_ids
        )
    return torch.tensor([number[t.person_id] for t in tracklets])


def _sampler(tracklets: Sequence[Tracklet], config: RunConfig, fabric: Fabric) -> PKSampler:
    return PKSampler(
        [t.person_id for t in tracklets],
        identities=config.batch.identities,
        instances=config.batch.instances,
        seed=config.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        epoch=config.batch.epoch,
        shuffle=config.batch.shuffle,
    )
