"""STCAN: spatial attention in every frame, then convolutions over time in shuffled segments of channels.

Fu, Zhang, Li, Wang and Wang, "Spatial temporal and channel aware network for video-based person
re-identification", Image and Vision Computing 118, 2022, 104356.
"""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.heads import BNNeck
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, resnet50_2d

_ENHANCED = (2, 3)
"""Stages behind which the attention stands."""
_SEGMENTS = 4


class SpatialAttention(nn.Module):
    """Places count up to twice as much, as their mean and their largest channel say (SAE)."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, maps: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        """Enhance."""
        seen = torch.stack((maps.mean(dim=1), maps.amax(dim=1)), dim=1)
        enhanced: Tensor = maps + maps * self.score(seen)
        return enhanced


class SegmentsOverTime(nn.Module):
    """Two convolutions over three frames in segments of channels, with a shuffle between them (CSGS).

    Args:
        channels: C, a multiple of the segments' number squared.

    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Sequential(
                nn.Conv1d(channels, channels, 3, padding=1, groups=_SEGMENTS, bias=False),
                nn.BatchNorm1d(channels),
            )
            for _ in range(2)
        )

    def forward(self, frames: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        """What is added to the frames' vectors is zero or more, as they are."""
        mixed = shuffle(torch.relu(self.first(frames)))
        return torch.relu(frames + self.second(mixed))


def shuffle(x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
    """Every segment gets an equal share of each segment's channels."""
    return torch.unflatten(x, 1, (_SEGMENTS, -1)).transpose(1, 2).flatten(1, 2)


class STCAN(PeerModel, clip_len=8):
    """STCAN, of which we know the abstract alone: its parts and what they are for. The layers are our choice.

    The abstract has: a convolutional network with enhanced spatial attention (SAE) that sees frames; a module
    of channel segmentation and group shuffle convolutions (CSGS) for relations in time and between channels;
    a weighted fusion of the outputs of both (TBWF). Chosen here: ResNet-50 with last stride 1; attention from
    the mean and the largest channel, behind stages 2 and 3; 4 segments, two convolutions over 3 frames with a
    shuffle between, on the frames' means over space; two learnt weights for the fusion, softmax; the BN neck.
    Nothing can be compared with the authors' network, and its score says nothing about theirs.

    Args:
        num_ids: identities the classifier knows.
        options: of all peers; see `PeerModel`.

    """

    system = "STCAN"

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.stream2d = resnet50_2d(self.layers, self.width)
        self.attention = nn.ModuleList(SpatialAttention() for _ in _ENHANCED)
        self.embedding_dim = self.stream2d.channels[-1]
        self.over_time = SegmentsOverTime(self.embedding_dim)
        self.fusion = nn.Parameter(torch.zeros(2))
        self.head = BNNeck(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Means over time of both branches, weighed."""
        frames = self._frame_maps(clips).mean(dim=(3, 4))
        over_time = self.over_time(frames.transpose(1, 2)).mean(dim=2)
        weight = self.fusion.softmax(dim=0)
        fused: Tensor = weight[0] * frames.mean(dim=1) + weight[1] * over_time
        return fused

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return each_frame(self._enhanced, clips)

    def _enhanced(self, frames: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N C h w"]:
        x = self.stream2d.stages(self.stream2d.stem(frames), 1, 1)
        for stage, attention in zip(_ENHANCED, self.attention, strict=True):
            x = attention(self.stream2d.stages(x, stage, stage))
        return self.stream2d.stages(x, 4, 4)
