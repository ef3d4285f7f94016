"""AP3D: ResNet-50 with appearance-preserving 3D convolutions in stages 2 and 3, and its rivals.

Gu, Chang, Ma, Zhang and Chen, "Appearance-preserving 3D convolution for video-based person
re-identification", ECCV 2020.
"""

from __future__ import annotations

from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from stca.models.backbones.create import choose
from stca.models.backbones.resnet3d import Bottleneck3d
from stca.models.heads import BNNeck
from stca.models.peers.appearance_preserving import UNITS, make_unit
from stca.models.peers.parts.aggregation import largest_over_space
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.non_local import NonLocal
from stca.models.peers.parts.resnet import ResNet50OverTime, insert_after, stage_of

NON_LOCAL_AFTER = ((2, 1), (2, 3), (3, 1), (3, 3), (3, 5))
"""Stages from 1, blocks from 0."""


class AP3D(PeerModel):
    """Units over time in place of every second 3x3 kernel; per frame the largest value, then the mean; norm.

    The official tests cut tracklets in pieces of 32 frames.

    Args:
        num_ids: identities the classifier knows.
        unit: a key of `UNITS`; "ap_p3dc" is the published network.
        non_local: with non-local blocks after every second block.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: a unit there is not.

    """

    system = "AP3D"

    def __init__(
        self,
        *,
        num_ids: int,
        unit: str = "ap_p3dc",
        non_local: bool = False,
        **options: Unpack[PeerOptions],
    ) -> None:
        super().__init__(**options)
        choose(UNITS, unit, kind="unit")
        self.stream3d = ResNet50OverTime(self.layers, self.width)
        for block in (block for stage in (2, 3) for block in list(stage_of(self.stream3d, stage))[::2]):
            assert isinstance(block, Bottleneck3d)
            block.conv2 = make_unit(unit, block.conv2.in_channels, block.conv2.stride[1])  # type: ignore[assignment]
        if non_local:
            insert_after(
                self.stream3d, NON_LOCAL_AFTER, lambda channels: NonLocal(channels, pooled_keys=True)
            )
        self.frame_by_frame = unit == "c2d" and not non_local
        self.embedding_dim = self.stream3d.channels[-1]
        self.head = BNNeck(self.embedding_dim, num_ids, shift=True)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean of the frames' vectors."""
        return self.frame_vectors(clips).mean(dim=1)

    def frame_vectors(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T D"]:
        """The largest value of each channel in every frame."""
        return largest_over_space(self._frame_maps(clips))

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        maps: Tensor = self.stream3d(clips.transpose(1, 2))
        return maps.transpose(1, 2)
