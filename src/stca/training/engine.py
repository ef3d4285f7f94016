"""Devices and processes, by Lightning Fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from stca.config import RunConfig
from stca.tools.devices import resolve_device, resolve_precision

Fabric = Any
"""`lightning_fabric.Fabric`, which takes seconds to import: only training should wait for it."""


def launch(config: RunConfig) -> Fabric:
    """A Fabric for `config.devices` processes on this machine; starts those that are not there yet.

    Under torchrun the processes are there, and their number counts. What follows runs in
    every process; only rank 0 should write.
    """
    from lightning_fabric import Fabric as LightningFabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = resolve_device(config.device)
    bf16 = resolve_precision(config.precision, device) == "bf16"
    here = int(os.environ.get("LOCAL_WORLD_SIZE", config.devices))
    nodes = int(os.environ.get("WORLD_SIZE", here)) // here
    # The others wait while rank 0 ranks what all have embedded, which takes long on large data.
    strategy = DDPStrategy(timeout=timedelta(hours=12)) if here * nodes > 1 else "auto"
    fabric = LightningFabric(
        accelerator=device.type,
        devices=here,
        num_nodes=nodes,
        strategy=strategy,
        precision="bf16-mixed" if bf16 else "32-true",
    )
    fabric.launch()
    return fabric


def is_first() -> bool:
    """Whether this is the process that writes and speaks; always so where there is one only."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


def gather(fabric: Fabric, rows: Tensor) -> Tensor:
    """The rows of all ranks, in the order of ranks; without gradient."""
    if fabric.world_size == 1:
        return rows.detach()
    gathered: Tensor = fabric.all_gather(rows.detach().contiguous())
    return gathered.flatten(0, 1)


def broadcast(fabric: Fabric, tensors: Iterable[Tensor]) -> None:
    """Copy rank 0's values to every rank."""
    for tensor in tensors:
        tensor.copy_(gather(fabric, tensor[None])[0])


def sum_gradients(fabric: Fabric, parameters: list[torch.nn.Parameter]) -> None:
    """Every rank gets the sum of all ranks' gradients."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if fabric.world_size == 1 or not gradients:
        return
    total: Tensor = fabric.all_reduce(torch.cat([g.flatten() for g in gradients]), reduce_op="sum")
    for gradient, part in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):  # type: ignore[no-untyped-call]
        gradient.copy_(part.reshape(gradient.shape))
