"""The base class of STCA and `Sum`: a 2D and a 3D stream, fused after a stage of the 2D stream."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.create import choose, create_stream2d, create_stream3d, grid_size
from stca.models.heads import ReIDModel
from stca.models.spatial_pooling import SPATIAL_POOLINGS
from stca.models.temporal_pooling import POOLINGS
from stca.tools.signatures import ClassSignature, full_signature

GATES = {"conv2_x": 1, "conv3_x": 2, "conv4_x": 3}


class Streams(NamedTuple):
    """What meets: (B, T, C, h, w) per frame, (B, C, h, w) per clip."""

    spatial: Float[Tensor, "B T C h w"]
    temporal: Float[Tensor, "B C h w"]


class TwoStreamOptions(TypedDict, total=False):
    """What `TwoStream` takes, for the subclasses that hand it on."""

    image_size: tuple[int, int]
    layers: tuple[int, int, int, int]
    width: int
    backbone2d: str
    backbone3d: str
    gate: str
    space: str
    pooling: str
    stem_frames: int | None
    clip_len: int


class TwoStream(ReIDModel):
    """A 2D stream reads every frame, a 3D stream the clip; a subclass adds a head, and how they meet, `fuse`.

    The rest of the 2D stream goes on with what `fuse` returns; then pooling over space, and over time.

    The arguments are those of `STCA` with the same names.

    Raises:
        ConfigError: a size that does not fit, or a backbone, gate or pooling there is not.

    """

    __signature__ = ClassSignature(full_signature)

    def __init__(
        self,
        *,
        image_size: tuple[int, int] = (384, 128),
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        backbone2d: str = "resnet50_ibn_a",
        backbone3d: str = "resnet3d_50",
        gate: str = "conv4_x",
        space: str = "mean",
        pooling: str = "mean",
        stem_frames: int | None = None,
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        self.gate, self.stage = gate, choose(GATES, gate, kind="gate")
        self.grid = grid_size(image_size, self.stage)
        self.stream2d = create_stream2d(backbone2d, layers=layers, width=width)
        self.stream3d = create_stream3d(
            backbone3d, layers=layers[: self.stage], width=width, stem_frames=stem_frames
        )
        self.project = _projection(self.stream3d.channels[-1], self.stream2d.channels[self.stage - 1])
        self.space = choose(SPATIAL_POOLINGS, space, kind="space")(self.stream2d.channels[-1], image_size)
        self.pooling = choose(POOLINGS, pooling, kind="pooling")(self.space.dim)
        self.embedding_dim = self.pooling.dim

    def fuse(self, streams: Streams) -> Float[Tensor, "B T C h w"]:
        """What conv5_x, or whatever follows the gate, goes on with."""
        raise NotImplementedError

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Both streams, where they meet, the rest of the 2D stream; pooling over space, then over time."""
        pooled: Tensor = self.pooling(self.space(self._frame_maps(clips)))
        return pooled

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        fused = self.fuse(self._streams(clips)).flatten(0, 1)
        return torch.unflatten(self.stream2d.stages(fused, self.stage + 1, 4), 0, clips.shape[:2])

    def _streams(self, clips: Float[Tensor, "B T 3 H W"]) -> Streams:
        frames = self.stream2d.stem(clips.flatten(0, 1))
        spatial = torch.unflatten(self.stream2d.stages(frames, 1, self.stage), 0, clips.shape[:2])
        temporal = self.project(self.stream3d(clips.transpose(1, 2)).mean(dim=2))
        return Streams(spatial, temporal)


def _projection(channels: int, wanted: int) -> nn.Module:
    """Makes the clip's features comparable with a frame's where the backbone has other channels (C3D)."""
    if channels == wanted:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels, wanted, 1, bias=False), nn.BatchNorm2d(wanted))
