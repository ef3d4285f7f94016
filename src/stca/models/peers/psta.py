"""PSTA: a pyramid that merges neighbouring frames, weighing places and channels by what they relate to.

Wang et al., "Pyramid spatial-temporal aggregation for video-based person re-identification", ICCV 2021. To a
ResNet-50 it adds a 1x1 convolution and three levels of spatial-temporal aggregation (STAM), which halve time.
"""

from __future__ import annotations

import math
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.heads import BNNeck, ReIDOutput
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, map_size, resnet50_2d

_LEVELS = 3


def conv_norm_relu(channels: int, out: int, *, kernel: int = 1) -> nn.Sequential:
    """A convolution without bias, batch norm, ReLU."""
    conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


def both_ways(forward: Float[Tensor, "N p q"], backward: Float[Tensor, "N q p"]) -> Float[Tensor, "N c p"]:
    """Relations of every place p of a map to all places q of another, in both directions, as channels."""
    return torch.cat((forward.transpose(1, 2), backward), dim=1)


class TemporalReference(nn.Module):
    """Merge pairs of frames by weights of places and channels that compare the two (TRA)."""

    def __init__(self, channels: int, places: int, hidden: int) -> None:
        super().__init__()
        self.query = conv_norm_relu(channels, hidden)
        self.key = conv_norm_relu(channels, hidden)
        self.relate = conv_norm_relu(2 * places, hidden)
        self.compare = conv_norm_relu(2 * hidden, hidden)
        self.score = nn.Sequential(nn.Conv2d(2 * hidden, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid())
        self.squeeze = nn.Sequential(nn.Linear(channels, hidden, bias=False), nn.ReLU(inplace=True))
        self.channel_weights = _channel_weights(2 * hidden, hidden, channels)

    def forward(
        self, maps: Float[Tensor, "N 2 C h w"], reduced: Float[Tensor, "N 2 D h w"]
    ) -> Float[Tensor, "N C h w"]:
        """The square of the rectified weighted sum, as in the authors' code."""
        size = maps.shape[-2:]
        query = torch.unflatten(self.query(maps.flatten(0, 1)).flatten(2), 0, maps.shape[:2])
        key = torch.unflatten(self.key(maps.flatten(0, 1)).flatten(2), 0, maps.shape[:2])
        # Of each frame's places to the other's: first the pair's first frame, then its second.
        relations = (query.transpose(2, 3) @ key.flip(1)).flatten(0, 1)
        backward = torch.unflatten(relations, 0, maps.shape[:2]).flip(1).flatten(0, 1)
        related = self.relate(torch.unflatten(both_ways(relations, backward), 2, size))
        compared = self.compare(torch.cat((reduced, reduced.flip(1)), dim=2).flatten(0, 1))
        place = self.score(torch.cat((compared, related), dim=1))

        vectors = self.squeeze(maps.mean(dim=(3, 4)))
        channel = self.channel_weights(torch.cat((vectors, vectors.flip(1)), dim=2))
        weight: Tensor = channel[..., None, None] * torch.unflatten(place, 0, maps.shape[:2])
        return (weight * maps).sum(dim=1).relu().square()


class SpatialReference(nn.Module):
    """Merge pairs of frames by weights of places and channels of each frame by itself (SRA)."""

    def __init__(self, channels: int, places: int, hidden: int) -> None:
        super().__init__()
        self.query = conv_norm_relu(channels, hidden)
        self.key = conv_norm_relu(channels, hidden)
        self.relate = conv_norm_relu(2 * places, hidden)
        self.score = nn.Sequential(
            *conv_norm_relu(2 * hidden, hidden),
            nn.Conv2d(hidden, 1, 1, bias=False),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )
        self.channel_weights = _channel_weights(channels, hidden, channels)

    def forward(
        self, maps: Float[Tensor, "N 2 C h w"], reduced: Float[Tensor, "N 2 D h w"]
    ) -> Float[Tensor, "N C h w"]:
        """The rectified weighted sum."""
        frames = maps.flatten(0, 1)
        relations = self.query(frames).flatten(2).transpose(1, 2) @ self.key(frames).flatten(2)
        related = self.relate(torch.unflatten(both_ways(relations, relations), 2, maps.shape[-2:]))
        place = self.score(torch.cat((reduced.flatten(0, 1), related), dim=1))
        channel = self.channel_weights(frames.mean(dim=(2, 3)))
        weight = torch.unflatten(channel[..., None, None] * place, 0, maps.shape[:2])
        return (weight * maps).sum(dim=1).relu()


class Aggregation(nn.Module):
    """One level (STAM): neighbouring frames 2k and 2k + 1 become one."""

    def __init__(self, channels: int, places: int) -> None:
        super().__init__()
        middle, hidden = channels // 4, channels // 8
        self.reduce = nn.Sequential(*conv_norm_relu(channels, middle), *conv_norm_relu(middle, hidden))
        self.temporal = TemporalReference(channels, places, hidden)
        self.spatial = SpatialReference(channels, places, hidden)
        self.block = nn.Sequential(
            *conv_norm_relu(channels, middle),
            *conv_norm_relu(middle, middle, kernel=3),
            *conv_norm_relu(middle, channels),
        )

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B S C h w"]:
        """Half as many maps."""
        frames = maps.flatten(0, 1)
        pairs = torch.unflatten(frames, 0, (-1, 2))
        reduced = torch.unflatten(self.reduce(frames), 0, (-1, 2))
        merged = self.block(self.temporal(pairs, reduced) + self.spatial(pairs, reduced))
        return torch.unflatten(merged, 0, (maps.shape[0], -1))


class PSTA(PeerModel, clip_len=8):
    """PSTA as its authors published it.

    The vector is the mean of the three levels' vectors. In training its authors have a classifier for each of
    level 1, the mean of levels 1 and 2, and that of all three: see `levels`.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W); the published network has (256, 128), and its weights fit no other.
        clip_len: frames per clip, a multiple of 8.
        options: of all peers; see `PeerModel`.

    """

    system = "PSTA"
    frames_multiple = 2**_LEVELS

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.stream2d = resnet50_2d(self.layers, self.width)
        self.embedding_dim = self.stream2d.channels[-1] // 2
        places = math.prod(map_size(self.image_size, 16))
        self.reduce = conv_norm_relu(self.stream2d.channels[-1], self.embedding_dim)
        self.pyramid = nn.ModuleList(Aggregation(self.embedding_dim, places) for _ in range(_LEVELS))
        self.lower_heads = nn.ModuleList(
            BNNeck(self.embedding_dim, num_ids, shift=True) for _ in range(_LEVELS - 1)
        )
        self.head = BNNeck(self.embedding_dim, num_ids, shift=True)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """The mean of all levels' vectors."""
        return self.level_vectors(clips)[-1]

    def levels(self, clips: Float[Tensor, "B T 3 H W"]) -> tuple[ReIDOutput, ...]:
        """The outputs of all three classifiers, the last of which is what `forward` gives."""
        self.check_clips(clips)
        heads = (*self.lower_heads, self.head)
        return tuple(head(vector) for head, vector in zip(heads, self.level_vectors(clips), strict=True))

    def level_vectors(self, clips: Float[Tensor, "B T 3 H W"]) -> list[Float[Tensor, "B D"]]:
        """The means over the first level, over the first two, over all three."""
        maps = each_frame(lambda frames: self.reduce(self.stream2d(frames)), clips)
        found, total = [], clips.new_zeros(())
        for number, level in enumerate(self.pyramid, start=1):
            maps = level(maps)
            total = total + maps.mean(dim=(1, 3, 4))
            found.append(total / number)
        return found


def _channel_weights(dim: int, hidden: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(dim, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels), nn.Sigmoid()
    )
