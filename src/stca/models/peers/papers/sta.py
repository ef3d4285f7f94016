"""STA: of every horizontal stripe the most active frame, and the frames' mean weighted by their activity.

Fu, Wang, Wei and Huang, "STA: Spatial-temporal attention for large-scale video-based person
re-identification", AAAI 2019. The attention has no parameters.
"""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.errors import ConfigError
from stca.models.heads import LinearHead
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, map_size, resnet50_2d

_STRIPES = 4


class STA(PeerModel):
    """STA as its paper describes it, and where that leaves a choice, as it says here.

    As far as we know it, the paper leaves open what is chosen here: the fully connected layer gives 1,024
    numbers, without norm or ReLU behind it; the classifier takes them as they are, with bias. Beside ID and
    triplet loss the paper asks that two frames of a clip have similar maps:
    `stca.losses.frame_attention_difference(model.attention(clips))`.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W); the paper has (256, 128). Maps are cut into 4 stripes, so H is a multiple of 64.
        clip_len: frames per clip; any number works, the paper sees 4.
        dim: numbers of the embedding.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: a height that cannot be cut into stripes.

    """

    system = "STA"

    def __init__(
        self,
        *,
        num_ids: int,
        dim: int = 1024,
        **options: Unpack[PeerOptions],
    ) -> None:
        super().__init__(**options)
        self.map_size = map_size(self.image_size, 16)
        if (rows := self.map_size[0]) % _STRIPES:
            raise ConfigError(
                f"STA cuts the map into {_STRIPES} stripes of equal height",
                expected="image_size with a height that is a multiple of 64 pixels",
                found=f"{self.image_size[0]} pixels, {rows} rows of the map",
            )
        self.stream2d = resnet50_2d(self.layers, self.width)
        self.embedding_dim = dim
        self.project = nn.Linear(2 * self.stream2d.channels[-1], dim)
        self.head = LinearHead(dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Both fusions, each averaged over its places, joined and projected."""
        return self.parts(clips)[0]

    def parts(
        self, clips: Float[Tensor, "B T 3 H W"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B T h w"]]:
        """What the authors' losses see: the vectors, and `attention`."""
        maps = self._frame_maps(clips)
        attention = attention_map(maps)
        return self.project(fuse_stripes(maps, stripe_scores(attention))), attention

    def attention(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T h w"]:
        """The maps of all frames; each sums to one."""
        return attention_map(self.frame_maps(clips))

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return each_frame(self.stream2d, clips)


def attention_map(maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T h w"]:
    """The share of each place in its frame's sum of squares."""
    energy = maps.square().sum(dim=2)
    return energy / energy.sum(dim=(2, 3), keepdim=True).clamp_min(torch.finfo(energy.dtype).tiny)


def stripe_scores(attention: Float[Tensor, "B T h w"]) -> Float[Tensor, "B T K"]:
    """What each stripe holds of its frame's attention, as a share of what that stripe holds in all frames."""
    held = torch.unflatten(attention, 2, (_STRIPES, -1)).sum(dim=(3, 4))
    return held / held.sum(dim=1, keepdim=True).clamp_min(torch.finfo(held.dtype).tiny)


def fuse_stripes(maps: Float[Tensor, "B T C h w"], scores: Float[Tensor, "B T K"]) -> Float[Tensor, "B 2*C"]:
    """Means over all places: of each stripe in its best frame, and of its weighted sum over the frames."""
    means = torch.unflatten(maps, 3, (_STRIPES, -1)).mean(dim=(4, 5))
    best = scores.argmax(dim=1)[:, None, None].expand(-1, -1, maps.shape[2], -1)
    picked = means.gather(1, best).squeeze(1)
    weighted = (means * scores.unsqueeze(2)).sum(dim=1)
    return torch.cat((picked, weighted), dim=1).mean(dim=2)
