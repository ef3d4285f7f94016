"""The STCA network (Bhuiyan and Huang, Image and Vision Computing 123, 2022, 104474; figure 2)."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stca.errors import ConfigError
from stca.models.cross_attention import AttentionMaps, CrossAttention
from stca.models.heads import BNNeck, ReIDModel
from stca.models.resnet2d import Norm, ResNet2d
from stca.models.resnet3d import ResNet3d

Fusion = Literal["official", "sum"]
GATES = {"conv2_x": 1, "conv3_x": 2, "conv4_x": 3}


class Streams(NamedTuple):
    """What meets at the gate: (B, T, C, h, w) per frame, (B, C, h, w) per clip."""

    spatial: Float[Tensor, "B T C h w"]
    temporal: Float[Tensor, "B C h w"]


class STCA(ReIDModel):
    """2D features of every frame, gated by their cross attention with the clip's 3D features.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W), multiples of 16; the attention's parameters depend on it.
        layers: blocks in conv2_x to conv5_x, of both streams; (3, 4, 6, 3) is ResNet-50.
        width: of the first bottlenecks, of both streams; 64 is ResNet-50.
        norm: "ibn-a" or "bn", in the 2D stream.
        gate: the 2D stage after which the streams meet; "conv4_x" in the official code.
        fusion: "official" is F_S(1+A_S) + F_T(1+A_T) + F_S, L2-normalised over channels, as the official
            code does; "sum" leaves the last F_S and the norm out. (The paper does not say.)
        temperature: of the attention's softmax.
        stem_frames: frames under the 3D stream's first kernel.
        clip_len: frames per clip it is meant for; any number works.

    Raises:
        ConfigError: a size that does not fit, or a gate, fusion or norm there is not.

    """

    def __init__(
        self,
        *,
        num_ids: int,
        image_size: tuple[int, int] = (384, 128),
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        norm: Norm = "ibn-a",
        gate: str = "conv4_x",
        fusion: Fusion = "official",
        temperature: float = 0.025,
        stem_frames: int = 7,
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        if gate not in GATES or fusion not in get_args(Fusion) or norm not in get_args(Norm):
            raise ConfigError(
                "STCA has no such gate, fusion or norm",
                expected=f"gate in {sorted(GATES)}, fusion in {get_args(Fusion)}, norm in {get_args(Norm)}",
                found=f"gate={gate!r}, fusion={fusion!r}, norm={norm!r}",
            )
        self.gate, self.stage = gate, GATES[gate]
        self.fusion = fusion
        self.grid = grid_size(image_size, self.stage)
        self.stream2d = ResNet2d(layers=layers, width=width, norm=norm)
        self.stream3d = ResNet3d(layers=layers[: self.stage], width=width, stem_frames=stem_frames)
        self.attention = CrossAttention(self.grid[0] * self.grid[1], temperature=temperature)
        self.embedding_dim = self.stream2d.channels[-1]
        self.head = BNNeck(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Both streams, the gate, the rest of the 2D stream; mean over space, then over time."""
        streams = self._streams(clips)
        fused = self._fuse(streams, self._attend(streams))
        gated = self.stream2d.stages(fused.flatten(0, 1), self.stage + 1, 4)
        return torch.unflatten(gated.mean(dim=(2, 3)), 0, clips.shape[:2]).mean(dim=1)

    def attention_maps(
        self, clips: Float[Tensor, "B T 3 H W"]
    ) -> tuple[Float[Tensor, "B T h w"], Float[Tensor, "B T h w"]]:
        """The two gates, 1 + A_S and 1 + A_T, on the gated layer's grid."""
        self.check_clips(clips)
        maps = self._attend(self._streams(clips))
        shape = (*clips.shape[:2], *self.grid)
        return (1 + maps.spatial).reshape(shape), (1 + maps.temporal).reshape(shape)

    def _streams(self, clips: Float[Tensor, "B T 3 H W"]) -> Streams:
        frames = self.stream2d.stem(clips.flatten(0, 1))
        spatial = torch.unflatten(self.stream2d.stages(frames, 1, self.stage), 0, clips.shape[:2])
        temporal = self.stream3d(clips.transpose(1, 2)).mean(dim=2)
        return Streams(spatial, temporal)

    def _attend(self, streams: Streams) -> AttentionMaps:
        frames = streams.spatial.shape[1]
        clip = streams.temporal.unsqueeze(1).expand(-1, frames, -1, -1, -1)
        maps: AttentionMaps = self.attention(
            streams.spatial.flatten(0, 1).flatten(2), clip.flatten(0, 1).flatten(2)
        )
        return maps

    def _fuse(self, streams: Streams, maps: AttentionMaps) -> Float[Tensor, "B T C h w"]:
        shape = (*streams.spatial.shape[:2], 1, *self.grid)
        spatial_gate, temporal_gate = ((1 + each).reshape(shape) for each in maps)
        fused = streams.spatial * spatial_gate + streams.temporal.unsqueeze(1) * temporal_gate
        return F.normalize(fused + streams.spatial, dim=2) if self.fusion == "official" else fused


def grid_size(image_size: tuple[int, int], stage: int) -> tuple[int, int]:
    """Height and width of the feature map after 2D stage `stage` (1 to 3).

    Raises:
        ConfigError: a side that is not a positive multiple of 16.

    """
    if any(side <= 0 or side % 16 for side in image_size):
        height, width = (max(16, round(side / 16) * 16) for side in image_size)
        raise ConfigError(
            "The image size does not divide",
            expected="height and width as multiples of 16 pixels",
            found=f"{image_size[0]}x{image_size[1]}",
            hint=f"{height}x{width}",
        )
    stride = 2 ** (stage + 1)
    return image_size[0] // stride, image_size[1] // stride
