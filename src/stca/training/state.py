"""The state of a training run, new or restored from the newest checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from stca.config import LossConfig, RunConfig
from stca.errors import CheckpointError, ConfigError
from stca.losses import AUTHORS, ReIDObjective
from stca.models import ReIDModel, load_weights
from stca.run_dir import RunDir
from stca.tools.devices import compiled, keep_freed_memory, resolve_precision
from stca.training.engine import Fabric
from stca.training.schedule import Position


class TrainingState(NamedTuple):
    """Network, losses and optimisers."""

    model: ReIDModel
    objective: ReIDObjective
    optimizer: torch.optim.Optimizer
    """Of the network."""
    centers: torch.optim.Optimizer
    """Of the centres, which belong to the objective."""

    def checkpoint(self, position: Position, config: RunConfig, fabric: Fabric) -> dict[str, Any]:
        """Content of a checkpoint beside the network's weights, with precision and number of processes."""
        return {
            **{name: getattr(self, name).state_dict() for name in _RESTORED},
            **position._asdict(),
            "processes": fabric.world_size,
            "precision": resolve_precision(config.precision, fabric.device),
        }


_RESTORED = ("optimizer", "centers", "objective")


def prepare(
    model: ReIDModel, config: RunConfig, run: RunDir, fabric: Fabric
) -> tuple[TrainingState, Position]:
    """Put `model` on its device and restore everything from the run's newest checkpoint, if there is one.

    Raises:
        CheckpointError: the checkpoint is damaged, or another network's.

    """
    objective = _objective(model, config).to(fabric.device)
    saved = run.load_state()
    if saved is not None:
        load_weights(model, run.model_path())
    model.to(fabric.device).train()
    if config.compile:
        model.features = compiled(model.features, instead="compile=false")  # type: ignore[method-assign]
    if fabric.device.type == "cpu":
        keep_freed_memory()
    adam = torch.optim.Adam(
        model.parameters(), lr=config.optim.lr, weight_decay=config.optim.weight_decay, fused=True
    )
    centers = torch.optim.SGD(objective.center.parameters(), lr=config.optim.center_lr)
    state = TrainingState(model, objective, adam, centers)
    if saved is not None:
        _restore(state, saved, run)
    if fabric.is_global_zero:
        _report_settings(config, saved or {}, fabric)
    return state, Position.of(saved)


def objective_class(model: ReIDModel, config: RunConfig) -> type[ReIDObjective]:
    """The losses that `config` asks for.

    Raises:
        ConfigError: the network's authors have none of their own, or have no use for a setting that is given.

    """
    if config.loss.by == "stca":
        return ReIDObjective
    system: str | None = getattr(model, "system", None)
    if system is None or system not in AUTHORS:
        raise ConfigError(
            "loss.by=authors: there are no losses of this network's authors beside the ID and triplet loss",
            expected=f"loss.by=stca, or a network of {', '.join(AUTHORS)}",
            found=model.spec.name,
        )
    chosen, defaults = AUTHORS[system], LossConfig()
    for name, none in chosen.ignores.items():
        given, default = getattr(config.loss, name), getattr(defaults, name)
        if given not in (default, none):
            raise ConfigError(
                f"The losses of {system}'s authors have no use for loss.{name}",
                expected=f"its default, {default}" + ("" if none is None else f", or {none}"),
                found=given,
                hint="leave it out",
            )
    return chosen


def _objective(model: ReIDModel, config: RunConfig) -> ReIDObjective:
    loss = config.loss
    return objective_class(model, config)(
        model.spec.num_ids,
        model.embedding_dim,
        margin=loss.margin,
        metric=loss.metric,
        label_smoothing=loss.label_smoothing,
        center_weight=loss.center_weight,
        center_reduction=loss.center_reduction,
    )


def _restore(state: TrainingState, saved: Mapping[str, Any], run: RunDir) -> None:
    """Load the states of optimisers and objective."""
    try:
        for name in _RESTORED:
            getattr(state, name).load_state_dict(saved[name])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError("The run's training state does not fit", found=error, where=run.path) from error


def _report_settings(config: RunConfig, saved: Mapping[str, Any], fabric: Fabric) -> None:
    """Print device and precision, and warn where a resumed run began with others."""
    precision = resolve_precision(config.precision, fabric.device)
    print(f"training on {fabric.device.type} in {precision}", file=sys.stderr)
    if (before := saved.get("precision", precision)) != precision:
        print(
            f"warning: this run was begun in {before} and goes on in {precision}: it will not end with the "
            "same bits, nor is it a run of either precision",
            file=sys.stderr,
        )
    if (before := saved.get("processes", fabric.world_size)) != fabric.world_size:
        print(
            f"warning: this run was begun with {before} processes and goes on with {fabric.world_size}: it "
            "will not end with the same bits, and without batch.sync_norm its norms see other clips together",
            file=sys.stderr,
        )
