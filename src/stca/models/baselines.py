"""The systems the paper compares STCA with (table 2): one stream alone, both side by side; and their sum."""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from stca.models.backbones.create import Stream2d, choose, create_stream2d, create_stream3d
from stca.models.heads import BNNeck, ReIDModel
from stca.models.spatial_pooling import SPATIAL_POOLINGS
from stca.models.stca import FUSIONS, add_streams
from stca.models.temporal_pooling import POOLINGS
from stca.models.two_stream import Streams, TwoStream, TwoStreamOptions


class CNN2D(ReIDModel):
    """The 2D stream alone: pooling over space, then over time.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W).
        layers: blocks in conv2_x to conv5_x; (3, 4, 6, 3) is ResNet-50.
        width: of the first bottlenecks; 64 is ResNet-50.
        backbone2d: "resnet50_ibn_a", "resnet50" or "se_resnet50"; or "mobilenet_v2", which has its own depth
            and width, whatever `layers` and `width` say ("mobilenet_v2_512": with 512 channels at its end).
        space: a frame's map to its vector: "mean", or "weights", learnt for each place and channel.
        pooling: over time: "mean", "attention", "lstm" or "consensus".
        clip_len: frames per clip it is meant for; any number works.

    Raises:
        ConfigError: a backbone or pooling there is not.

    """

    def __init__(
        self,
        *,
        num_ids: int,
        image_size: tuple[int, int] = (384, 128),
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        backbone2d: str = "resnet50_ibn_a",
        space: str = "mean",
        pooling: str = "mean",
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        self.stream2d = create_stream2d(backbone2d, layers=layers, width=width)
        self.space = choose(SPATIAL_POOLINGS, space, kind="space")(self.stream2d.channels[-1], image_size)
        self.pooling = choose(POOLINGS, pooling, kind="pooling")(self.space.dim)
        self.frame_by_frame = pooling == "mean"
        self.embedding_dim = self.pooling.dim
        self.head = BNNeck(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """All frames at once."""
        pooled: Tensor = self.pooling(self.space(self._frame_maps(clips)))
        return pooled

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return _each_frame(self.stream2d, clips)


class CNN3D(ReIDModel):
    """The 3D stream alone, at its full depth; mean over time and space.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W).
        layers: blocks in conv2_x to conv5_x; (3, 4, 6, 3) is ResNet3D-50.
        width: of the first bottlenecks; 64 is ResNet3D-50.
        backbone3d: "resnet3d_50", "i3d_resnet50" or "c3d" (which has its own depth).
        stem_frames: frames under the first kernel; None: the backbone's own.
        clip_len: frames per clip it is meant for; any number works.

    Raises:
        ConfigError: a backbone there is not.

    """

    def __init__(
        self,
        *,
        num_ids: int,
        image_size: tuple[int, int] = (384, 128),
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        backbone3d: str = "resnet3d_50",
        stem_frames: int | None = None,
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        self.stream3d = create_stream3d(backbone3d, layers=layers, width=width, stem_frames=stem_frames)
        self.embedding_dim = self.stream3d.channels[-1]
        self.head = BNNeck(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """The whole clip at once."""
        maps: Tensor = self.stream3d(clips.transpose(1, 2))
        return maps.mean(dim=(2, 3, 4))


class Concat(ReIDModel):
    """The vectors of `CNN2D` and `CNN3D` side by side, learnt together.

    Args:
        num_ids: identities the classifier knows.
        image_size, layers, width, backbone2d, pooling, clip_len: as in `CNN2D`.
        backbone3d, stem_frames: as in `CNN3D`.

    Raises:
        ConfigError: a backbone or pooling there is not.

    """

    def __init__(
        self,
        *,
        num_ids: int,
        image_size: tuple[int, int] = (384, 128),
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        backbone2d: str = "resnet50_ibn_a",
        backbone3d: str = "resnet3d_50",
        pooling: str = "mean",
        stem_frames: int | None = None,
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        self.stream2d = create_stream2d(backbone2d, layers=layers, width=width)
        self.stream3d = create_stream3d(backbone3d, layers=layers, width=width, stem_frames=stem_frames)
        self.pooling = choose(POOLINGS, pooling, kind="pooling")(self.stream2d.channels[-1])
        self.embedding_dim = self.pooling.dim + self.stream3d.channels[-1]
        self.head = BNNeck(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """First the frames' part, then the clip's."""
        spatial = self.pooling(self._frame_maps(clips).mean(dim=(3, 4)))
        temporal = self.stream3d(clips.transpose(1, 2)).mean(dim=(2, 3, 4))
        return torch.cat((spatial, temporal), dim=1)

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return _each_frame(self.stream2d, clips)


def _each_frame(stream: Stream2d, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
    return torch.unflatten(stream(clips.flatten(0, 1)), 0, clips.shape[:2])


class Sum(TwoStream):
    """STCA without attention: the streams meet where STCA's do, and are added as they are.

    Args:
        num_ids: identities the classifier knows.
        fusion: "sum" is F_S + F_T; "official" is the official code's with A = 0: 2 F_S + F_T, L2-normalised
            over channels, which tells what STCA owes to its norm from what it owes to its gate.
        options: as in `STCA`, which has `temperature` beside them.

    Raises:
        ConfigError: a size that does not fit, or a backbone, gate, fusion or pooling there is not.

    """

    def __init__(
        self,
        *,
        num_ids: int,
        fusion: str = "sum",
        **options: Unpack[TwoStreamOptions],
    ) -> None:
        super().__init__(**options)
        self.fusion = choose(FUSIONS, fusion, kind="fusion")
        self.head = BNNeck(self.embedding_dim, num_ids)

    def fuse(self, streams: Streams) -> Float[Tensor, "B T C h w"]:
        """Add."""
        again = streams.spatial if self.fusion == "official" else None
        return add_streams(streams.spatial, streams.temporal.unsqueeze(1), again)
