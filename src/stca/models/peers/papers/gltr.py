"""GLTR: dilated convolutions over time, side by side, then self-attention between all frames.

Li, Wang, Tian, Gao and Zhang, "Global-local temporal representations for video person re-identification",
ICCV 2019.
"""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.heads import LinearHead
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.non_local import attend
from stca.models.peers.parts.resnet import each_frame, resnet50_2d

_DIM, _RATES = 128, (1, 2, 4)


class DilatedTemporalPyramid(nn.Module):
    """Convolutions over three frames that lie 1, 2 and 4 apart, their outputs joined (DTP)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv1d(dim, dim, 3, dilation=rate, padding=rate) for rate in _RATES)

    def forward(self, frames: Float[Tensor, "B D T"]) -> Float[Tensor, "B E T"]:
        """Zeros stand for frames before and after the clip."""
        return torch.cat([branch(frames) for branch in self.branches], dim=1)


class TemporalSelfAttention(nn.Module):
    """Adds to every frame a projection of what it collects from all frames (TSA).

    Args:
        dim: of the frames' vectors.
        reduction: how many times fewer numbers queries, keys and values have.

    """

    def __init__(self, dim: int, *, reduction: int = 2) -> None:
        super().__init__()
        inner = dim // reduction
        self.query, self.key = (
            nn.Sequential(nn.Conv1d(dim, inner, 1), nn.BatchNorm1d(inner), nn.ReLU(inplace=True))
            for _ in range(2)
        )
        self.value = nn.Conv1d(dim, inner, 1)
        self.expand = nn.Conv1d(inner, dim, 1)

    def forward(self, frames: Float[Tensor, "B E T"]) -> Float[Tensor, "B E T"]:
        """The products of queries and keys are not scaled."""
        mixed = attend(self.query(frames), self.key(frames), self.value(frames))
        added: Tensor = self.expand(mixed)
        return frames + added


class GLTR(PeerModel, clip_len=16):
    """GLTR as its paper describes it, and where that leaves a choice, as it says here.

    As far as we know it, the paper leaves open what is chosen here: a linear layer takes the frame's mean
    over space to 128 numbers; the dilated convolutions have a bias and nothing behind them; the convolutions
    of the attention see one frame each; its queries, keys and values have half as many numbers as a frame.
    The authors train the frames' network first, then the rest on 16 neighbouring frames, both by the ID loss
    alone.

    Args:
        num_ids: identities the classifier knows.
        clip_len: frames per clip; any number works, the paper sees 16 in training and all in tests.
        options: of all peers; see `PeerModel`.

    """

    system = "GLTR"

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.stream2d = resnet50_2d(self.layers, self.width, last_stride=2)
        self.reduce = nn.Linear(self.stream2d.channels[-1], _DIM)
        self.embedding_dim = len(_RATES) * _DIM
        self.pyramid = DilatedTemporalPyramid(_DIM)
        self.attention = TemporalSelfAttention(self.embedding_dim)
        self.head = LinearHead(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Frames to vectors, over time, mean."""
        vectors = self.reduce(self._frame_maps(clips).mean(dim=(3, 4)))
        over_time: Tensor = self.attention(self.pyramid(vectors.transpose(1, 2)))
        return over_time.mean(dim=2)

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return each_frame(self.stream2d, clips)
