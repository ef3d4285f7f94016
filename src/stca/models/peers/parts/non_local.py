"""Non-local blocks (Wang et al., "Non-local neural networks", CVPR 2018), over space and time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.layers3d import BatchNorm3d, Conv3d, MaxPool3d


class NonLocal(nn.Module):
    """Every position plus a projection of the mean over all positions, weighted by a softmax of products.

    The products of queries and keys are not scaled. The last norm starts at zero: at first the block does
    nothing, as its authors advise.

    Args:
        channels: C; queries, keys and values have half of it.
        pooled_keys: keys and values are the larger of 2x2 neighbouring places.

    """

    def __init__(self, channels: int, *, pooled_keys: bool = False) -> None:
        super().__init__()
        inner = channels // 2
        self.query, self.key, self.value = (Conv3d(channels, inner, 1) for _ in range(3))
        self.pool = MaxPool3d((1, 2, 2), (1, 2, 2), (0, 0, 0)) if pooled_keys else nn.Identity()
        self.project = nn.Sequential(Conv3d(inner, channels, 1), BatchNorm3d(channels))
        nn.init.zeros_(self.project[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        """Add what the others say."""
        return x + self.others(x)

    def others(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        """What is added: a projection of the weighted mean."""
        query = self.query(x).flatten(2)
        key, value = (self.pool(part(x)).flatten(2) for part in (self.key, self.value))
        mixed = attend(query, key, value)
        projected: Tensor = self.project(torch.unflatten(mixed, 2, x.shape[2:]))
        return projected


def attend(
    query: Float[Tensor, "B C n"], key: Float[Tensor, "B C m"], value: Float[Tensor, "B D m"]
) -> Float[Tensor, "B D n"]:
    """For every query the mean of the values, weighted by a softmax of its products with the keys."""
    weight = torch.softmax(query.transpose(1, 2) @ key, dim=2)
    return value @ weight.transpose(1, 2)
