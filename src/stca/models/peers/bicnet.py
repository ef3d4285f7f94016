"""BiCnet-TKS: frames at two resolutions, attention to different body parts, two temporal reaches.

Hou et al., "BiCnet-TKS: Learning efficient spatial-temporal representation for video person
re-identification", CVPR 2021. To a ResNet-50 it adds paths from frames at full resolution to those at half,
temporal kernel selection (TKS) after stage 2 and diverse attention (DAO) after stage 3.
"""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stca.errors import ConfigError
from stca.models.backbones.layers3d import Conv3d
from stca.models.heads import BNNeck
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import resnet50_2d

_GROUP = 4
"""Frames per group: the first is seen at full resolution, the others at half."""
_CELL = 64
"""Pixels per cell of the grid that TKS looks at."""


class TemporalKernelSelection(nn.Module):
    """Two temporal kernels, one dilated, mixed by channel weights that depend on the clip."""

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.near, self.far = (
            Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0), bias=False) for _ in range(2)
        )
        hidden = channels // reduction
        self.squeeze = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)
        )
        self.expand = nn.Linear(hidden, 2 * channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(
        self, high: Float[Tensor, "B G C h w"], low: Float[Tensor, "B G 3 C i j"]
    ) -> tuple[Float[Tensor, "B G C h w"], Float[Tensor, "B G 3 C i j"]]:
        """Add to both resolutions what the frames around say."""
        cells = torch.cat((_pool(high.unsqueeze(2), 8), _pool(low, 4)), dim=2)
        mixed = self._mix(cells.flatten(1, 2).transpose(1, 2)).transpose(1, 2)
        mixed = torch.unflatten(mixed, 1, cells.shape[1:3])
        return high + self._enlarge(mixed[:, :, 0], 8), low + self._enlarge(mixed[:, :, 1:], 4)

    def _mix(self, cells: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        near: Tensor = self.near(cells)
        # A kernel dilated to every second frame: even and odd frames by themselves.
        far = torch.stack([self.far(cells[:, :, first::2]) for first in (0, 1)], dim=3).flatten(2, 3)
        clip = (near + far).mean(dim=(2, 3, 4))
        weight = torch.unflatten(self.expand(self.squeeze(clip)), 1, (2, -1)).softmax(dim=1)
        weight = weight[..., None, None, None]
        return weight[:, 0] * near + weight[:, 1] * far

    def _enlarge(self, cells: Tensor, factor: int) -> Tensor:
        leading = cells.shape[:-3]
        large = F.interpolate(cells.flatten(0, -4), scale_factor=factor)
        return torch.unflatten(self.norm(large), 0, leading)


class RowAttention(nn.Module):
    """Weights of a map's rows from a convolution over channels, then one across the rows."""

    def __init__(self, channels: int, rows: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, 1)
        self.mix = nn.Linear(rows, rows)
        self.norm = nn.BatchNorm1d(rows)

    def forward(self, rows: Float[Tensor, "N C r"]) -> Float[Tensor, "N r"]:
        """They sum to one."""
        scores = self.score(rows.transpose(1, 2)).squeeze(2)
        weights: Tensor = self.norm(self.mix(scores)).softmax(dim=1)
        return weights


class DiverseAttention(nn.Module):
    """Each frame of a group adds a vector from the rows it attends to, to every place of its own map.

    Args:
        channels: C.
        rows: of the maps at half resolution.

    """

    def __init__(self, channels: int, rows: int) -> None:
        super().__init__()
        self.attention = nn.ModuleList(RowAttention(channels, rows) for _ in range(_GROUP - 2))
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(_GROUP))

    def forward(
        self, high: Float[Tensor, "B G C h w"], low: Float[Tensor, "B G 3 C i j"]
    ) -> tuple[Float[Tensor, "B G C h w"], Float[Tensor, "B G 3 C i j"], Float[Tensor, "B G 4 r"]]:
        """Add the attended vectors; the third is what attended."""
        rows = self.rows(high, low)
        weights = self.weights(rows)
        seen = (rows * weights.unsqueeze(3)).sum(dim=4)
        added = [
            torch.unflatten(norm(seen[:, :, k].flatten(0, 1)), 0, seen.shape[:2])
            for k, norm in enumerate(self.norms)
        ]
        added = [vector[..., None, None] for vector in added]
        return high + added[0], low + torch.stack(added[1:], dim=2), weights

    def rows(
        self, high: Float[Tensor, "B G C h w"], low: Float[Tensor, "B G 3 C i j"]
    ) -> Float[Tensor, "B G 4 C r"]:
        """Means over columns, of the frames in time order."""
        return torch.cat((_pool(high.unsqueeze(2), 2), low), dim=2).mean(dim=5)

    def weights(self, rows: Float[Tensor, "B G 4 C r"]) -> Float[Tensor, "B G 4 r"]:
        """The first two frames of a group attend where their channels are large, the others as learnt."""
        plain = rows[:, :, :2].mean(dim=3).softmax(dim=3)
        learnt = [
            torch.unflatten(part(rows[:, :, 2 + k].flatten(0, 1)), 0, rows.shape[:2])
            for k, part in enumerate(self.attention)
        ]
        return torch.cat((plain, torch.stack(learnt, dim=2)), dim=2)


class BiCnetTKS(PeerModel, clip_len=8):
    """BiCnet-TKS as its authors published it.

    The first frame of every four is seen at full resolution, the others at half. The vector is halfway
    between the mean over the former and the mean over the latter, each frame pooled by its maxima.

    Args:
        num_ids: identities the classifier knows.
        image_size: (H, W), multiples of 64; the published network has (256, 128).
        clip_len: frames per clip, a multiple of four; the published network sees 8.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: sizes that do not fit.

    """

    system = "BiCnet-TKS"
    frames_multiple = _GROUP

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        if any(side % _CELL for side in self.image_size):
            raise ConfigError(
                "BiCnet-TKS needs other frames", expected="multiples of 64", found=self.image_size
            )
        self.stream2d = resnet50_2d(self.layers, self.width)
        *channels, self.embedding_dim = self.stream2d.channels
        self.links = nn.ModuleList(nn.Conv2d(c, (_GROUP - 1) * c, 1, bias=False) for c in channels)
        self.tks = TemporalKernelSelection(channels[1])
        self.dao = DiverseAttention(channels[2], self.image_size[0] // 32)
        self.head = BNNeck(self.embedding_dim, num_ids, shift=True)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Clips to one pooled vector each."""
        return self.parts(clips)[0]

    def parts(
        self, clips: Float[Tensor, "B T 3 H W"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B G 4 r"]]:
        """What the authors' losses see: the vectors, and `row_weights`."""
        high, low, weights = self.dao(*self._before_attention(clips))
        high, low = self._stage(high, 4), self._stage(low, 4)
        means = high.amax(dim=(-2, -1)).mean(dim=1), low.amax(dim=(-2, -1)).mean(dim=(1, 2))
        return (means[0] + means[1]) / 2, weights

    def row_weights(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B G 4 r"]:
        """Of the rows of each frame of each group of four, for `stca.losses.attention_overlap`."""
        self.check_clips(clips)
        return self.parts(clips)[1]

    def _before_attention(
        self, clips: Float[Tensor, "B T 3 H W"]
    ) -> tuple[Float[Tensor, "B G C h w"], Float[Tensor, "B G 3 C i j"]]:
        maps = self.stream2d.stem(clips.flatten(0, 1))
        groups = torch.unflatten(maps, 0, (clips.shape[0], -1, _GROUP))
        high, low = groups[:, :, 0], _max_pool(groups[:, :, 1:])
        for stage, link in enumerate(self.links, start=1):
            high, low = self._stage(high, stage), self._stage(low, stage)
            sent = link(_max_pool(high).flatten(0, 1))
            low = low + torch.unflatten(torch.unflatten(sent, 1, low.shape[2:4]), 0, low.shape[:2])
            if stage == 2:
                high, low = self.tks(high, low)
        return high, low

    def _stage(self, maps: Tensor, stage: int) -> Tensor:
        return torch.unflatten(self.stream2d.stages(maps.flatten(0, -4), stage, stage), 0, maps.shape[:-3])


def _pool(maps: Tensor, size: int) -> Tensor:
    """Mean over squares of `size`, whatever the leading dimensions."""
    return torch.unflatten(F.avg_pool2d(maps.flatten(0, -4), size), 0, maps.shape[:-3])


def _max_pool(maps: Tensor) -> Tensor:
    return torch.unflatten(F.max_pool2d(maps.flatten(0, -4), 2), 0, maps.shape[:-3])
