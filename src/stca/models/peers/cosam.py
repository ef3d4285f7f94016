"""coSAM: after stages 3 and 4, what the frames of a clip have in common is kept (co-segmentation).

Subramaniam, Nambiar and Mittal, "Co-segmentation inspired attention networks for video-based person
re-identification", ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.errors import ConfigError
from stca.models.backbones.create import choose, grid_size
from stca.models.backbones.resnet2d import Bottleneck2d, ResNet2d
from stca.models.heads import LinearHead
from stca.models.peers.parts.aggregation import AGGREGATIONS
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, map_size, resnet50_2d, stage_of

_STD_FLOOR = 1e-4


class Common(NamedTuple):
    """What a co-segmentation block finds in a clip, each between 0 and 1."""

    masks: Float[Tensor, "B T 1 h w"]
    """Of the places of each frame."""
    gates: Float[Tensor, "B C"]
    """Of the channels, for all frames the same: the mean of what each says."""


class CoSegmentation(nn.Module):
    """A mask for every frame, from how its places correlate with those of all others; then channel gates.

    Args:
        channels: C.
        grid: (h, w).
        frames: T; the mask's first kernel has a weight for every place of the other frames.
        inner: channels of the correlated vectors.
        hidden: channels between correlation and mask.

    """

    def __init__(
        self, channels: int, grid: tuple[int, int], frames: int, *, inner: int = 256, hidden: int = 64
    ) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.ReLU())
        places = (frames - 1) * grid[0] * grid[1]
        self.mask = nn.Sequential(
            nn.Conv2d(places, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Conv2d(hidden, 1, 1)
        )
        self.gate = nn.Sequential(nn.Linear(channels, inner), nn.Tanh(), nn.Linear(inner, channels))

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T C h w"]:
        """Mask the places, then add the gated channels once more."""
        masks, gates = self.common(maps)
        masked = maps * masks
        return masked + masked * gates[:, None, :, None, None]

    def common(self, maps: Float[Tensor, "B T C h w"]) -> Common:
        """Masks and gates."""
        masks = each_frame(self.mask, self._correlations(maps)).sigmoid()
        gates = torch.sigmoid(self.gate((maps * masks).mean(dim=(3, 4))))
        return Common(masks, gates.mean(dim=1))

    def _correlations(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T P h w"]:
        """Of every place of a frame with the P places of the other frames, in their order."""
        reduced = each_frame(self.reduce, maps).flatten(3)
        centred = reduced - reduced.mean(dim=2, keepdim=True)
        unit = centred / (reduced.std(dim=2, keepdim=True) + _STD_FLOOR)
        frames = unit.shape[1]
        others = [unit[:, [other for other in range(frames) if other != frame]] for frame in range(frames)]
        keys = torch.stack(others, dim=1).transpose(3, 4).flatten(2, 3)
        correlations = (keys.flatten(0, 1) @ unit.flatten(0, 1)) / unit.shape[2]
        return correlations.reshape(*maps.shape[:2], -1, *maps.shape[3:])


class CoSAM(PeerModel):
    """A ResNet-50 with co-segmentation after stages 3 and 4; then mean, attention or LSTM over time.

    Args:
        num_ids: identities the classifier knows.
        aggregation: over time: "tp" (mean), "ta" (attention; here alone stage 4 halves the map) or "rnn"
            (LSTM, 512 numbers).
        se: SE-ResNet-50, as it was published for Caffe: its stages' strides are in their first 1x1 kernels.
        image_size: (H, W), multiples of 16; parameters depend on it.
        clip_len: frames per clip, from 2; parameters depend on it, and no other number works.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: an aggregation there is not, a size that does not fit, or clips of one frame.

    """

    system = "coSAM"

    def __init__(
        self,
        *,
        num_ids: int,
        aggregation: str = "tp",
        se: bool = False,
        **options: Unpack[PeerOptions],
    ) -> None:
        super().__init__(**options)
        build = choose(AGGREGATIONS, aggregation, kind="aggregation")
        if self.clip_len < 2:
            raise ConfigError(
                "coSAM compares frames", expected="clip_len from 2", found=f"clip_len={self.clip_len}"
            )
        self.se, self.frames_fixed = se, self.clip_len
        last_stride = 2 if aggregation == "ta" else 1
        build_trunk = _se_resnet50 if se else resnet50_2d
        self.stream2d = build_trunk(self.layers, self.width, last_stride=last_stride)
        grids = grid_size(self.image_size, 3), map_size(self.image_size, 16 * last_stride)
        self.co_segmentation = nn.ModuleDict(
            {
                str(stage): CoSegmentation(self.stream2d.channels[stage - 1], grid, self.clip_len)
                for stage, grid in zip((3, 4), grids, strict=True)
            }
        )
        self.aggregation = build(self.stream2d.channels[-1], grids[-1])
        self.embedding_dim = self.aggregation.dim
        self.head = LinearHead(self.embedding_dim, num_ids)

    @property
    def checkpoint_layout(self) -> str:
        """The trunks' names differ."""
        return "coSAM SE-ResNet-50" if self.se else "coSAM"

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """The whole clip at once."""
        vectors: Tensor = self.aggregation(self._frame_maps(clips))
        return vectors

    def common(self, clips: Float[Tensor, "B T 3 H W"]) -> tuple[Common, Common]:
        """Masks and gates after stages 3 and 4."""
        self.check_clips(clips)
        third = self._third(clips)
        first, second = self.co_segmentation.values()
        fourth = each_frame(self._fourth, first(third))
        return first.common(third), second.common(fourth)  # type: ignore[operator]

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        first, second = self.co_segmentation.values()
        maps: Tensor = second(each_frame(self._fourth, first(self._third(clips))))
        return maps

    def _third(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        trunk = self.stream2d
        return each_frame(lambda frames: trunk.stages(trunk.stem(frames), 1, 3), clips)

    def _fourth(self, maps: Float[Tensor, "N C h w"]) -> Float[Tensor, "N D i j"]:
        return self.stream2d.stages(maps, 4, 4)


def _se_resnet50(layers: Sequence[int], width: int, *, last_stride: int) -> ResNet2d:
    """The stages' strides are in their first kernels; the max-pool reaches over the far edges only."""
    trunk = resnet50_2d(layers, width, last_stride=last_stride, se=True)
    trunk.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    for stage in (2, 3, 4):
        block = stage_of(trunk, stage)[0]
        assert isinstance(block, Bottleneck2d)
        block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    return trunk
