"""The STCA network (Bhuiyan and Huang, Image and Vision Computing 123, 2022, 104474; figure 2)."""

from __future__ import annotations

from typing import Literal, Unpack

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stca.models.backbones.create import choose
from stca.models.cross_attention import AttentionMaps, CrossAttention
from stca.models.heads import BNNeck
from stca.models.two_stream import Streams, TwoStream, TwoStreamOptions

Fusion = Literal["official", "sum"]
FUSIONS: dict[str, Fusion] = {"official": "official", "sum": "sum"}


class STCA(TwoStream):
    """2D features of every frame, gated by their cross attention with the clip's 3D features.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W), multiples of 16; the attention's parameters depend on it.
        layers: blocks in conv2_x to conv5_x, of both streams; (3, 4, 6, 3) is ResNet-50.
        width: of the first bottlenecks, of both streams; 64 is ResNet-50.
        backbone2d: "resnet50_ibn_a", "resnet50" or "se_resnet50"; or "mobilenet_v2", which has its own depth
            and width, whatever `layers` and `width` say ("mobilenet_v2_512": with 512 channels at its end).
        backbone3d: "resnet3d_50", "i3d_resnet50" or "c3d" (which has its own depth, whatever `layers` says).
        gate: the 2D stage after which the streams meet, conv2_x to conv4_x; the last in the official code.
        fusion: "official" is F_S(1+A_S) + F_T(1+A_T) + F_S, L2-normalised over channels, as the official
            code does; "sum" leaves the last F_S and the norm out. (The paper does not say.)
        temperature: of the attention's softmax.
        space: a frame's map to its vector: "mean", or "weights", learnt for each place and channel.
        pooling: of the frames' vectors over time: "mean" as in the paper, "attention", "lstm" or "consensus".
        stem_frames: frames under the 3D stream's first kernel; None: the backbone's own, 7 for ResNet3D-50.
        clip_len: frames per clip it is meant for; any number works.

    Raises:
        ConfigError: a size that does not fit, or a backbone, gate, fusion or pooling there is not.

    """

    def __init__(
        self,
        *,
        num_ids: int,
        fusion: str = "official",
        temperature: float = 0.025,
        **options: Unpack[TwoStreamOptions],
    ) -> None:
        super().__init__(**options)
        self.fusion = choose(FUSIONS, fusion, kind="fusion")
        self.attention = CrossAttention(self.grid[0] * self.grid[1], temperature=temperature)
        self.head = BNNeck(self.embedding_dim, num_ids)

    def fuse(self, streams: Streams) -> Float[Tensor, "B T C h w"]:
        """Gate both streams by their cross attention, and add."""
        shape = (*streams.spatial.shape[:2], 1, *self.grid)
        spatial, temporal = ((1 + each).reshape(shape) for each in self._attend(streams))
        return add_streams(
            streams.spatial * spatial,
            streams.temporal.unsqueeze(1) * temporal,
            streams.spatial if self.fusion == "official" else None,
        )

    def attention_maps(
        self, clips: Float[Tensor, "B T 3 H W"]
    ) -> tuple[Float[Tensor, "B T h w"], Float[Tensor, "B T h w"]]:
        """The two gates, 1 + A_S and 1 + A_T, on the gated layer's grid."""
        self.check_clips(clips)
        maps = self._attend(self._streams(clips))
        shape = (*clips.shape[:2], *self.grid)
        return (1 + maps.spatial).reshape(shape), (1 + maps.temporal).reshape(shape)

    def _attend(self, streams: Streams) -> AttentionMaps:
        frames = streams.spatial.shape[1]
        clip = streams.temporal.unsqueeze(1).expand(-1, frames, -1, -1, -1)
        maps: AttentionMaps = self.attention(
            streams.spatial.flatten(0, 1).flatten(2), clip.flatten(0, 1).flatten(2)
        )
        return maps


def add_streams(
    spatial: Float[Tensor, "B T C h w"],
    temporal: Float[Tensor, "B t C h w"],
    again: Float[Tensor, "B T C h w"] | None,
) -> Float[Tensor, "B T C h w"]:
    """The sum; with `again`, the official fusion: plus that, then L2-normalised over channels."""
    fused = spatial + temporal
    return fused if again is None else F.normalize(fused + again, dim=2)
