"""SINet: interaction-aggregation and salient-to-broad blocks between those of a ResNet-50, and its relatives.

Bai et al., "Salient-to-broad transition for video person re-identification", CVPR 2022. The ResNet-50 has a
bias in every convolution and no padding in the stem's pooling, as in the authors' code. `sinet` has both
kinds of blocks, `idnet` and `sbnet` one of them, `sanet` blocks of statistics of the clip, `sinet_c2d` none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.create import choose
from stca.models.backbones.layers3d import Conv3d, MaxPool3d
from stca.models.heads import BNNeck
from stca.models.peers.parts.aggregation import largest_over_space
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import ResNet50OverTime, insert_after
from stca.models.peers.sinet_blocks import Dissemination, SalientToBroad, StatisticAttention

_IN_STAGE_2 = ((2, 1), (2, 3))
_SALIENT = ((3, (3, 5)), (2, (3, 3)), (1, (3, 1)))
"""First frames of four, and where: from the last block on, since what is inserted shifts what follows."""


class SINet(PeerModel):
    """SINet as its authors published it, and the networks of its ablation.

    The vector of a clip is the mean of its frames', each pooled by its maxima. In training the authors' neck
    normalises frames' vectors, this one clips'; in evaluation both give the same.

    Args:
        num_ids: identities the classifier knows.
        stage2: blocks in stage 2: "idm", "sa" or "none".
        salient: whether stage 3 has salient-to-broad blocks, which see four frames at a time.
        clip_len: frames per clip; "idm" fits no other number, the others do.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: blocks there are not.

    """

    system = "SINet"

    def __init__(
        self,
        *,
        num_ids: int,
        stage2: str = "idm",
        salient: bool = True,
        **options: Unpack[PeerOptions],
    ) -> None:
        super().__init__(**options)
        self.stream3d = _trunk(self.layers, self.width)
        if stage2 != "none":
            build = choose(_BLOCKS, stage2, kind="stage2")
            insert_after(
                self.stream3d, _IN_STAGE_2, partial(build, grid=_grid(self.image_size), frames=self.clip_len)
            )
        if stage2 == "idm":
            self.frames_fixed = self.clip_len
        if salient:
            self.frames_multiple = 4
            for first, place in _SALIENT:
                insert_after(self.stream3d, (place,), partial(SalientToBroad, first=first))
        self.embedding_dim = self.stream3d.channels[-1]
        self.head: BNNeck = BNNeck(self.embedding_dim, num_ids, shift=True)
        if salient:
            # In the authors' checkpoints; no output in evaluation depends on it.
            self.projection = nn.Linear(self.embedding_dim, self.embedding_dim).requires_grad_(False)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """The mean of the frames' vectors."""
        return self._frames(clips).mean(dim=1)

    def frame_embeddings(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T D"]:
        """Of each frame, after the neck; their mean is the embedding, in evaluation."""
        self.check_clips(clips)
        frames = self.head.norm(self._frames(clips).flatten(0, 1))
        return torch.unflatten(frames, 0, clips.shape[:2])

    def _frames(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T D"]:
        maps: Tensor = self.stream3d(clips.transpose(1, 2))
        return largest_over_space(maps).transpose(1, 2)


def _trunk(layers: Sequence[int], width: int) -> ResNet50OverTime:
    trunk = ResNet50OverTime(layers, width)
    trunk.maxpool = MaxPool3d((1, 3, 3), (1, 2, 2), (0, 0, 0))
    for module in trunk.modules():
        if isinstance(module, Conv3d):
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
    return trunk


def _grid(image_size: tuple[int, int]) -> tuple[int, int]:
    """Of stage 2: the stem's convolution, its pooling without padding, the stage's stride."""
    height, width = ((((side + 1) // 2 - 3) // 2 + 2) // 2 for side in image_size)
    return height, width


def _dissemination(channels: int, *, grid: tuple[int, int], frames: int) -> Dissemination:
    return Dissemination(channels, frames * math.prod(grid))


def _statistics(channels: int, *, grid: tuple[int, int], frames: int) -> StatisticAttention:
    return StatisticAttention(channels)


_BLOCKS: dict[str, Callable[..., nn.Module]] = {"idm": _dissemination, "sa": _statistics}
