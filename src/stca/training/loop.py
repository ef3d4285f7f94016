"""The training loop: forward, loss, backward, step, log, save."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from stca.clips import PKSampler, normalise
from stca.config import RunConfig
from stca.devices import keep_freed_memory
from stca.errors import CheckpointError, ConfigError
from stca.losses import ReIDObjective
from stca.models import ReIDModel, load_weights, model_bytes
from stca.progress import progress
from stca.run_dir import RunDir
from stca.tracklets import Tracklet
from stca.training.backward import backward
from stca.training.engine import Fabric, launch, spread
from stca.training.log import Log, diverged
from stca.training.schedule import (
    Place,
    batches_from,
    checkpoint_due,
    count_batches,
    evaluation_due,
    learning_rate,
)

Evaluate = Callable[[ReIDModel], Mapping[str, float]]
Stateful = torch.optim.Optimizer | nn.Module


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
    never stopped.

    Args:
        model: on the CPU; its classifier counts the persons of `tracklets`.
        tracklets: training data.
        config: losses, optimiser, batches, schedule.
        run: where metrics and checkpoints go.
        evaluate: called every `config.eval.every` epochs and at the end, on every rank, with the same
            weights; rank 0's figures are logged.
        fabric: what `launch(config)` gave; every rank calls `fit`, rank 0 writes.

    Raises:
        ConfigError: a model that cannot learn, or too few persons.
        TrainingError: the loss is no longer finite.

    """
    fabric = launch(config) if fabric is None else fabric
    labels = _labels(model, tracklets).to(fabric.device)
    sampler = _sampler(tracklets, config, fabric)
    objective = _objective(model, config).to(fabric.device)
    state = run.load_state()
    place = Place.of(state)
    if state is not None:
        load_weights(model, run.model_path())
    model.to(fabric.device).train()
    if config.compile:
        model.features = torch.compile(model.features)  # type: ignore[method-assign]
    if fabric.device.type == "cpu":
        keep_freed_memory()
    adam = torch.optim.Adam(
        model.parameters(), lr=config.optim.lr, weight_decay=config.optim.weight_decay, fused=True
    )
    centers = torch.optim.SGD(objective.center.parameters(), lr=config.optim.center_lr)
    parts_of_state: dict[str, Stateful] = {"optimizer": adam, "centers": centers, "objective": objective}
    if state is not None:
        _restore(parts_of_state, state, run)
        _warn_of_other_processes(state, fabric)
    stopped_in_test = evaluation_due(place, config) and not _tested(run, place.step)
    fabric.barrier()  # every rank has read what rank 0 will now change

    log = Log(run, config, writes=fabric.is_global_zero)
    total = count_batches(place, sampler, config)
    batches = batches_from(place, tracklets, sampler, config, image_size=model.image_size)
    if fabric.is_global_zero:
        batches = progress(batches, label="train", total=total, status=log.status)
    if evaluate and stopped_in_test:
        _test(fabric, model, evaluate, log, place)
    for epoch, place, batch in batches:
        lr = learning_rate(config.optim, epoch)
        for group in adam.param_groups:
            group["lr"] = lr
        adam.zero_grad()
        centers.zero_grad()
        clips = normalise(batch.frames.to(fabric.device, non_blocking=True))
        ids = labels[batch.rows.to(fabric.device)]
        losses = backward(
            fabric,
            model,
            objective,
            clips,
            ids,
            micro_batch=config.batch.micro_batch,
            checkpoint_activations=config.batch.checkpoint_activations,
            sync_norm=config.batch.sync_norm,
        )
        log.step(place.step, epoch, lr, losses, batch)
        adam.step()
        _step_centers(centers, config.loss.center_weight)
        if checkpoint_due(place, config):
            _check_weights(model, clips[:1], f"step {place.step}, epoch {epoch + 1}")
            if fabric.is_global_zero:
                state = {name: part.state_dict() for name, part in parts_of_state.items()}
                state |= {**place._asdict(), "processes": fabric.world_size}
                run.save_checkpoint(place.step, model_bytes(model), state)
        if evaluate and evaluation_due(place, config):
            _test(fabric, model, evaluate, log, place)
    log.close()
    vars(model).pop("features", None)
    model.eval()


def _warn_of_other_processes(state: Mapping[str, Any], fabric: Fabric) -> None:
    before = state.get("processes", fabric.world_size)
    if fabric.is_global_zero and before != fabric.world_size:
        print(
            f"warning: this run was begun with {before} processes and goes on with {fabric.world_size}: it "
            "will not end with the same bits, and without batch.sync_norm its norms see other clips together",
            file=sys.stderr,
        )


def _test(fabric: Fabric, model: ReIDModel, evaluate: Evaluate, log: Log, place: Place) -> None:
    """Every rank with rank 0's running statistics, which are those that are saved."""
    spread(fabric, model.buffers())
    log.evaluation(place.step, place.epoch - 1, evaluate(model.eval()))
    fabric.barrier()
    model.train()


def _step_centers(centers: torch.optim.SGD, weight: float) -> None:
    """Step the centres by the gradient of the centre loss itself, whatever its weight in the sum."""
    if weight:
        for group in centers.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad /= weight
        centers.step()


def _check_weights(model: ReIDModel, clips: Float[Tensor, "B T 3 H W"], where: str) -> None:
    """Raise where the model gives no vectors, before its checkpoint takes the place of an older one."""
    with torch.no_grad():
        vectors = model.eval()(clips).embedding
        model.train()
    # Past 1e9 the next step's squares and sums are infinite, even if these numbers are not yet.
    if not (vectors.abs() < 1e9).all():
        raise diverged(f"vectors of up to {float(vectors.abs().max()):.3g}", where)


def _tested(run: RunDir, step: int) -> bool:
    return any(record["kind"] == "eval" and record["step"] == step for record in run.metrics())


def _labels(model: ReIDModel, tracklets: Sequence[Tracklet]) -> Int64[Tensor, " N"]:
    """Persons as numbers from 0, in the order of their ids."""
    if not model.trainable:
        raise ConfigError(
            "This model has nothing to learn", found=model.spec.name, hint="evaluate it as it is"
        )
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


def _objective(model: ReIDModel, config: RunConfig) -> ReIDObjective:
    loss = config.loss
    return ReIDObjective(
        model.spec.num_ids,
        model.embedding_dim,
        margin=loss.margin,
        metric=loss.metric,
        label_smoothing=loss.label_smoothing,
        center_weight=loss.center_weight,
        center_reduction=loss.center_reduction,
    )


def _restore(parts: Mapping[str, Stateful], state: Mapping[str, Any], run: RunDir) -> None:
    """Fill optimisers and objective."""
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError("The run's training state does not fit", found=error, where=run.path) from error
