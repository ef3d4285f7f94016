"""Batch norm over the clips of all processes, on any backend.

Ioffe and Szegedy, "Batch normalization", ICML 2015, with sums over the batch that go over ranks too, forward
and backward. (PyTorch's own `SyncBatchNorm` has no CPU kernels.)
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.training.engine import Fabric, gather


def sync_norm(
    fabric: Fabric, norm: nn.modules.batchnorm._BatchNorm, x: Float[Tensor, "N C *places"]
) -> Float[Tensor, "N C *places"]:
    """What `norm` gives for `x` beside the `x` of all other ranks, which have the same shape.

    Every rank has to call it, and to go backward through it. Gradients of weight and bias are of the rank's
    own rows, as all parameters' are; running statistics are the same on all ranks.
    """
    if not norm.training:
        return type(norm).forward(norm, x)
    mean, var = _moments(fabric, x.detach())
    if norm.track_running_stats:
        _track(norm, mean, var, count=fabric.world_size * x.numel() // x.shape[1])
    weight = torch.ones_like(mean) if norm.weight is None else norm.weight
    bias = torch.zeros_like(mean) if norm.bias is None else norm.bias
    y: Tensor = _Normalise.apply(x, weight, bias, mean, (var + norm.eps).rsqrt(), fabric)  # type: ignore[no-untyped-call]
    return y


def _moments(
    fabric: Fabric, x: Float[Tensor, "N C *places"]
) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """Mean and variance (divided by the count) over the rows and places of all ranks."""
    var, mean = torch.var_mean(x.float(), _all_but_channels(x), correction=0)
    means, variances = gather(fabric, torch.stack([mean, var])[None]).unbind(dim=1)
    mean = means.mean(dim=0)
    return mean, (variances + (means - mean).square()).mean(dim=0)


def _track(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, var: Tensor, *, count: int) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    rate = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum  # type: ignore[arg-type]
    norm.running_mean.lerp_(mean, rate)
    norm.running_var.lerp_(var * count / (count - 1), rate)


class _Normalise(torch.autograd.Function):
    """Saves its input only; mean and deviation depend on it, which the backward pass takes into account."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, scale: Tensor, fabric: Fabric
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.fabric = fabric
        factor = weight * scale
        y = torch.addcmul(_wide(bias - mean * factor, x), x.float(), _wide(factor, x))
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        dy = gradients[0].float()
        normalised = (x.float() - _wide(mean, x)) * _wide(scale, x)
        dims = _all_but_channels(x)
        own = torch.stack([dy.sum(dims), (dy * normalised).sum(dims)])
        # The loss is that of all ranks' rows, and all of them share the mean and the deviation.
        shift, stretch = gather(ctx.fabric, own[None]).sum(dim=0) / (
            ctx.fabric.world_size * x.numel() // x.shape[1]
        )
        dx = (dy - _wide(shift, x) - normalised * _wide(stretch, x)) * _wide(weight * scale, x)
        return dx.to(x.dtype), own[1], own[0], None, None, None


def _all_but_channels(x: Tensor) -> list[int]:
    return [dim for dim in range(x.ndim) if dim != 1]


def _wide(values: Float[Tensor, " C"], x: Float[Tensor, "N C *places"]) -> Tensor:
    """One value per channel, to be broadcast over `x`."""
    return values.reshape(-1, *(1 for _ in x.shape[2:]))
