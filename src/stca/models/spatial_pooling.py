"""From a frame's feature map to one vector: the mean, or a learnt weight for every place and channel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.create import grid_size

_LAST_STAGE = 3  # stage 4 keeps the size


class SpatialPooling(nn.Module):
    """(B, T, C, h, w) to (B, T, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


class SpatialMean(SpatialPooling):
    """Every place counts the same."""

    def __init__(self, channels: int, image_size: tuple[int, int]) -> None:
        super().__init__(channels)

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T C"]:
        """Mean over space."""
        return maps.mean(dim=(3, 4))


class SpatialWeights(SpatialPooling):
    """A weight for every channel and place, then a linear layer: a head is looked for above, shoes below.

    Chen et al., "MobileFaceNets", 2018, call the first half a global depthwise convolution.

    Args:
        channels: C of the maps.
        image_size: (H, W) of the frames, multiples of 16: the maps have a sixteenth of it.
        dim: of the vectors.

    Raises:
        ConfigError: a size that does not divide.

    """

    def __init__(self, channels: int, image_size: tuple[int, int], *, dim: int = 256) -> None:
        super().__init__(dim)
        grid = grid_size(image_size, _LAST_STAGE)
        self.weight = nn.Parameter(torch.full((channels, *grid), 1 / (grid[0] * grid[1])))
        self.linear = nn.Linear(channels, dim)

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T D"]:
        """Weighted sum over space, then the linear layer."""
        vectors: Tensor = self.linear((maps * self.weight).sum(dim=(3, 4)))
        return vectors


SPATIAL_POOLINGS: dict[str, Callable[[int, tuple[int, int]], SpatialPooling]] = {
    "mean": SpatialMean,
    "weights": SpatialWeights,
}
