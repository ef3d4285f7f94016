"""Split and join channels in channels-last memory format, forward and backward.

A slice's own gradient is a zeroed whole with the slice copied in, and what `torch.cat` hands back are views
that no fast kernel takes: on a CPU that costs ten times what the norms between them do.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def split_channels(
    x: Float[Tensor, "B C h w"], first: int
) -> tuple[Float[Tensor, "B {first} h w"], Float[Tensor, "B D h w"]]:
    """The first channels, and the others."""
    parts: tuple[Tensor, Tensor] = _Split.apply(x, first)  # type: ignore[no-untyped-call]
    return parts


def join_channels(a: Float[Tensor, "B C h w"], b: Float[Tensor, "B D h w"]) -> Float[Tensor, "B E h w"]:
    """The channels of both."""
    joined: Tensor = _Join.apply(a, b)  # type: ignore[no-untyped-call]
    return joined


def _halves(x: Tensor, first: int) -> tuple[Tensor, Tensor]:
    last = torch.channels_last
    return x[:, :first].contiguous(memory_format=last), x[:, first:].contiguous(memory_format=last)


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, first: int) -> tuple[Tensor, Tensor]:
        return _halves(x, first)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return torch.cat(gradients, dim=1), None


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.first = a.shape[1]
        return torch.cat((a, b), dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        return _halves(gradients[0], ctx.first)
