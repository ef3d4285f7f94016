"""The training loop: forward, loss, backward, step, log, save."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from stca.clips import ClipBatch, PKSampler, Transform, normalise, train_batches
from stca.config import OptimConfig, RunConfig
from stca.devices import resolve_device, resolve_precision
from stca.errors import CheckpointError, ConfigError, TrainingError
from stca.losses import LossParts, ReIDObjective
from stca.models import ReIDModel, ReIDOutput, load_weights, model_bytes
from stca.progress import progress
from stca.run_dir import RunDir
from stca.tracklets import Tracklet

Evaluate = Callable[[ReIDModel], Mapping[str, float]]


@runtime_checkable
class Engine(Protocol):
    """The part of `lightning_fabric.Fabric` that `backward` needs."""

    def backward(self, tensor: Tensor, *args: Any) -> None:
        """`tensor.backward(*args)`, in the engine's precision."""


@runtime_checkable
class Network(Protocol):
    """A `ReIDModel`, bare or as Fabric wraps it."""

    head: Callable[[Tensor], ReIDOutput]

    def features(self, clips: Tensor) -> Tensor:
        """Clips to pooled vectors."""

    def modules(self) -> Iterator[nn.Module]:
        """All parts."""


def fit(
    model: ReIDModel,
    tracklets: Sequence[Tracklet],
    config: RunConfig,
    run: RunDir,
    *,
    evaluate: Evaluate | None = None,
) -> None:
    """Train `model` in place, from the run's newest checkpoint if it has one.

    Args:
        model: on the CPU; its classifier counts the persons of `tracklets`.
        tracklets: training data.
        config: losses, optimiser, batches, schedule.
        run: where metrics and checkpoints go.
        evaluate: called every `config.eval.every` epochs, and at the end; its figures are logged.

    Raises:
        ConfigError: a model that cannot learn, or too few persons.
        TrainingError: the loss is no longer finite.

    """
    fabric = _fabric(config)
    labels = _labels(model, tracklets).to(fabric.device)
    sampler = _sampler(tracklets, config)
    objective = _objective(model, config).to(fabric.device)
    start = _load(run, model)
    adam = torch.optim.Adam(model.parameters(), lr=config.optim.lr, weight_decay=config.optim.weight_decay)
    network, optimizer = fabric.setup(model, adam)
    network.mark_forward_method("features")
    centers = torch.optim.SGD(objective.center.parameters(), lr=config.optim.center_lr)
    parts_of_state = {"optimizer": optimizer, "centers": centers, "objective": objective}
    step = _restore(run, parts_of_state)

    log = _Log(run, config)
    total = len(sampler) * (config.optim.epochs - start)
    batches = _batches(tracklets, sampler, config, start, image_size=model.image_size)
    model.train()
    for epoch, last, batch in progress(batches, label="train", total=total, status=log.status):
        step += 1
        lr = learning_rate(config.optim, epoch)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        centers.zero_grad()
        clips = normalise(batch.frames.to(fabric.device, non_blocking=True))
        ids = labels[batch.rows.to(fabric.device)]
        losses = backward(fabric, network, objective, clips, ids, micro_batch=config.batch.micro_batch)
        log.step(step, epoch, lr, losses, batch)
        optimizer.step()
        _step_centers(centers, config.loss.center_weight)
        if not last:
            continue
        finished = epoch + 1 == config.optim.epochs
        if finished or (epoch + 1) % config.checkpoint_every == 0:
            state = {name: part.state_dict() for name, part in parts_of_state.items()}
            run.save_checkpoint(step, model_bytes(model), {"epoch": epoch + 1, "step": step, **state})
        if evaluate and (finished or (config.eval.every and (epoch + 1) % config.eval.every == 0)):
            log.evaluation(step, epoch, evaluate(model.eval()))
            model.train()
    log.close()
    model.eval()


def backward(
    fabric: Engine,
    network: Network,
    objective: ReIDObjective,
    clips: Float[Tensor, "B T 3 H W"],
    person_ids: Int64[Tensor, " B"],
    *,
    micro_batch: int | None = None,
) -> LossParts:
    """Loss of one batch, and gradients of it in all parameters.

    With `micro_batch` clips go through the network in pieces of that many, twice: first all of them without
    gradients, then the losses over the whole batch and their gradient in the pooled vectors, then piece by
    piece again to carry that gradient back. Mining and BN neck still see the whole batch; only the batch
    norms inside the trunk see a piece at a time.
    """
    if micro_batch is None or micro_batch >= len(clips):
        losses = _losses(network, objective, network.features(clips), person_ids)
        fabric.backward(losses.total)
        return losses
    pieces = torch.split(clips, micro_batch)
    with torch.no_grad(), _frozen_statistics(network):
        pooled = torch.cat([network.features(piece) for piece in pieces]).requires_grad_()
    losses = _losses(network, objective, pooled, person_ids)
    fabric.backward(losses.total)
    assert pooled.grad is not None
    for piece, gradient in zip(pieces, torch.split(pooled.grad, micro_batch), strict=True):
        fabric.backward(network.features(piece), gradient)
    return losses


def learning_rate(optim: OptimConfig, epoch: int) -> float:
    """Of an epoch, counted from 0: warm-up, then a factor `gamma` at each milestone passed."""
    warmup = min(1.0, (epoch + 1) / (optim.warmup_epochs + 1)) if optim.warmup_epochs else 1.0
    return float(optim.lr * warmup * optim.gamma ** sum(epoch >= each for each in optim.milestones))


def _losses(
    network: Network,
    objective: ReIDObjective,
    pooled: Float[Tensor, "B D"],
    person_ids: Int64[Tensor, " B"],
) -> LossParts:
    output = network.head(pooled.float())
    losses: LossParts = objective(output.pooled, output.logits, person_ids)
    return losses


@contextmanager
def _frozen_statistics(network: Network) -> Iterator[None]:
    """Batch norms normalise by their batch but do not add it to their running statistics."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _step_centers(centers: torch.optim.SGD, weight: float) -> None:
    """Step the centres by the gradient of the centre loss itself, whatever its weight in the sum."""
    if weight:
        for group in centers.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad /= weight
        centers.step()


def _fabric(config: RunConfig) -> Any:
    from lightning_fabric import Fabric  # takes seconds to import, which only training should wait for

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = resolve_device(config.device)
    precision = resolve_precision(config.precision, device)
    return Fabric(
        accelerator=device.type, devices=1, precision="bf16-mixed" if precision == "bf16" else "32-true"
    )


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


def _sampler(tracklets: Sequence[Tracklet], config: RunConfig) -> PKSampler:
    return PKSampler(
        [t.person_id for t in tracklets],
        identities=config.batch.identities,
        instances=config.batch.instances,
        seed=config.seed,
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


def _load(run: RunDir, model: ReIDModel) -> int:
    """Fill the model from the newest checkpoint; the epoch to go on with."""
    state = run.load_state()
    if state is None:
        return 0
    load_weights(model, run.model_path())
    return int(state["epoch"])


def _restore(run: RunDir, parts: Mapping[str, torch.optim.Optimizer | nn.Module]) -> int:
    """Fill optimisers and objective; the steps done so far."""
    state = run.load_state()
    if state is None:
        return 0
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError("The run's training state does not fit", found=error, where=run.path) from error
    return int(state["step"])


def _batches(
    tracklets: Sequence[Tracklet],
    sampler: PKSampler,
    config: RunConfig,
    start: int,
    *,
    image_size: tuple[int, int],
) -> Iterator[tuple[int, bool, ClipBatch]]:
    """(epoch, whether it is the epoch's last, batch) from epoch `start` to the end."""
    clips = config.clips
    transform = Transform(image_size, flip=clips.flip, crop=clips.crop, per_frame=clips.per_frame)
    for epoch in range(start, config.optim.epochs):
        batches = train_batches(
            tracklets,
            sampler,
            transform,
            clip_len=clips.clip_len,
            mode=clips.sampling,
            epoch=epoch,
            workers=config.workers,
        )
        for number, batch in enumerate(batches, start=1):
            yield epoch, number == len(sampler), batch


class _Log:
    """metrics.jsonl, TensorBoard, and a word for the progress bar; counts frames that could not be read."""

    def __init__(self, run: RunDir, config: RunConfig) -> None:
        self.run, self.every, self.epochs = run, config.log_every, config.optim.epochs
        from torch.utils.tensorboard import SummaryWriter  # likewise

        self.board = SummaryWriter(str(run.path / "tensorboard"))
        self.bad: set[Path] = set()
        self.words = ""
        self.since, self.clips = time.monotonic(), 0

    def status(self) -> str:
        return self.words

    def step(self, step: int, epoch: int, lr: float, losses: LossParts, batch: ClipBatch) -> None:
        self._count_bad(batch)
        values = {name: float(value.detach()) for name, value in losses._asdict().items()}
        if not all(map(torch.isfinite, map(torch.tensor, values.values()))):
            raise TrainingError(
                "Training diverged",
                expected="a finite loss",
                found=", ".join(f"{k} {v:g}" for k, v in values.items()),
                where=f"step {step}, epoch {epoch}",
                hint="a smaller optim.lr, or optim.warmup_epochs; the last checkpoint is intact",
            )
        self.words = f"epoch {epoch + 1}/{self.epochs}, loss {values['total']:.3f}"
        self.clips += len(batch.rows)
        if step % self.every and step != 1:
            return
        speed = self.clips / (time.monotonic() - self.since)
        self.since, self.clips = time.monotonic(), 0
        self._write("train", step, epoch, {**values, "lr": lr, "clips_per_s": round(speed, 2)})

    def evaluation(self, step: int, epoch: int, figures: Mapping[str, float]) -> None:
        self._write("eval", step, epoch, figures)
        self.since = time.monotonic()

    def close(self) -> None:
        self.board.close()
        if self.bad:
            print(f"warning: {len(self.bad)} frames could not be read in all", file=sys.stderr)

    def _write(self, kind: str, step: int, epoch: int, figures: Mapping[str, float]) -> None:
        self.run.log({"kind": kind, "step": step, "epoch": epoch + 1, **figures})
        for name, value in figures.items():
            self.board.add_scalar(f"{kind}/{name}", value, step)

    def _count_bad(self, batch: ClipBatch) -> None:
        for path in batch.bad_frames:
            if path not in self.bad:
                self.bad.add(path)
                print(
                    f"warning: cannot read {path}; a neighbouring frame stands in ({len(self.bad)} so far)",
                    file=sys.stderr,
                )
