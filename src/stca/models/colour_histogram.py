"""A colour histogram as a baseline without learning."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models.heads import IdentityHead, ReIDModel


class ColourHistogram(ReIDModel):
    """Colours per horizontal stripe of the image, averaged over the clip; nothing is learnt.

    In every stripe the pixels near the middle of the box count more (a person fills the middle, the
    background the sides). The square root makes the cosine of two vectors the Bhattacharyya coefficient.

    Args:
        num_ids: ignored; there for the common signature.
        image_size: (H, W) of the frames.
        stripes: horizontal stripes.
        bins: per colour channel, so that a stripe has bins ** 3 cells.
        clip_len: frames per clip.

    """

    trainable = False
    exportable = False
    weight: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        num_ids: int = 0,
        image_size: tuple[int, int] = (128, 64),
        stripes: int = 6,
        bins: int = 8,
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        self.stripes, self.bins = stripes, bins
        self.embedding_dim = stripes * bins**3
        self.head = IdentityHead()
        columns = torch.linspace(-1, 1, image_size[1])
        self.register_buffer("weight", torch.exp(-2 * columns.square()).expand(image_size), persistent=False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Root of the mean histogram."""
        level = ((clips * self.std + self.mean).clamp(0, 1) * self.bins).long().clamp_max(self.bins - 1)
        cell = (level[:, :, 0] * self.bins + level[:, :, 1]) * self.bins + level[:, :, 2]
        height = self.image_size[0]
        stripe = (torch.arange(height, device=clips.device) * self.stripes // height)[:, None]
        index = (stripe * self.bins**3 + cell).flatten(1)
        weight = self.weight.to(clips).expand(cell.shape).flatten(1)
        histogram = clips.new_zeros(len(clips), self.embedding_dim).scatter_add_(1, index, weight)
        return (histogram / histogram.sum(dim=1, keepdim=True)).sqrt()
