"""The blocks of SINet and its relatives; all add to a map (B, C, T, h, w) something of the whole clip.

Bai et al., "Salient-to-broad transition for video person re-identification", CVPR 2022: integration and
distribution (IDM), salient to broad (SBM). Bai et al., "SANet: Statistic attention network for video-based
person re-identification", IEEE TCSVT 32, 2022: statistic attention (SA).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.layers3d import BatchNorm3d, Conv3d
from stca.models.peers.parts.non_local import attend

_SALIENT_SHARE = 0.1
_LEAST_WEIGHT = 1e-4
_SUPPRESSION = 5.0
_MOMENTS = (4, 5, 6)
_HALF = 4
"""Frames that a salient-to-broad block sees at a time."""


class Dissemination(nn.Module):
    """A few channels, mixed across all places and frames by two convolutions (IDM).

    Args:
        channels: C.
        positions: T h w, which is fixed.

    """

    def __init__(self, channels: int, positions: int, *, reduction: int = 16) -> None:
        super().__init__()
        hidden, few = channels // reduction, positions // reduction
        self.squeeze = nn.Sequential(Conv3d(channels, hidden, 1), BatchNorm3d(hidden))
        self.integrate = nn.Sequential(nn.Conv1d(positions, few, 1), nn.BatchNorm1d(few))
        self.distribute = nn.Conv1d(few, positions, 1)
        self.expand = Conv3d(hidden, channels, 1)

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        """Positions are channels of the two convolutions between."""
        squeezed = self.squeeze(x)
        positions = squeezed.flatten(2).transpose(1, 2)
        mixed = self.distribute(self.integrate(positions)).transpose(1, 2)
        return torch.relu(x + self.expand(torch.unflatten(mixed, 2, x.shape[2:]) + squeezed))


class StatisticAttention(nn.Module):
    """Every place adds those statistics of the whole clip that it resembles (SA).

    The statistics are mean, standard deviation, and the standardised moments of orders 4 to 6.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = Conv3d(channels, channels // 4, 1)
        self.expand = nn.Sequential(Conv3d(channels // 4, channels, 1), BatchNorm3d(channels))

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        """Attend to the statistics."""
        places = self.squeeze(x).flatten(2)
        statistics = F.normalize(self.statistics(places), dim=1)
        seen = attend(places, statistics, statistics)
        return torch.relu(x + self.expand(torch.unflatten(seen, 2, x.shape[2:])))

    def statistics(self, places: Float[Tensor, "B C n"]) -> Float[Tensor, "B C 5"]:
        """Over all places, of each channel by itself."""
        mean = places.mean(dim=2, keepdim=True)
        deviation = places.std(dim=2, correction=0, keepdim=True)
        central = places - mean
        moments = [central.pow(order).mean(dim=2, keepdim=True) / deviation**order for order in _MOMENTS]
        return torch.cat((mean, deviation, *moments), dim=2)


class SalientToBroad(nn.Module):
    """The last frames lose what the first ones show most, and each part adds a little of the other (SBM).

    Args:
        channels: C.
        first: how many of every four frames are the first ones, 1 to 3.

    """

    def __init__(self, channels: int, first: int) -> None:
        super().__init__()
        self.first = first
        self.kernel = nn.Sequential(Conv3d(channels, 9, 1), BatchNorm3d(9))
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool3d(1),
            Conv3d(channels, channels // 4, 1),
            nn.ReLU(inplace=True),
            Conv3d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        """T is a multiple of four; every four frames are by themselves."""
        chunks = torch.unflatten(x, 2, (-1, _HALF)).transpose(1, 2).flatten(0, 1)
        joined = torch.unflatten(self._transit(chunks), 0, (x.shape[0], -1)).transpose(1, 2)
        return joined.flatten(2, 3)

    def _transit(self, x: Float[Tensor, "N C 4 h w"]) -> Float[Tensor, "N C 4 h w"]:
        first, last = x[:, :, : self.first], x[:, :, self.first :]
        gate = self.gate(x) * self.is_inside(x)
        weight = self.weights(torch.relu(first * gate), torch.relu(last * gate)).unsqueeze(1)
        broad = last * weight + _SALIENT_SHARE * _mean(first)
        rest = 1 - weight
        # Where nothing is suppressed, nothing is added; the official code divides zero by zero.
        lost = _mean(rest * last) / _mean(rest).clamp_min(torch.finfo(x.dtype).tiny)
        return torch.cat((first + _SALIENT_SHARE * lost, broad), dim=2)

    def weights(
        self, first: Float[Tensor, "N C s h w"], last: Float[Tensor, "N C t h w"]
    ) -> Float[Tensor, "N t h w"]:
        """Of the places of the last frames: 1, or less where they resemble what is salient in the first."""
        kernel = self._salient_kernel(first)
        found = correlate(last, kernel) / kernel[0, 0].numel()
        share = found.flatten(2).softmax(dim=2).clamp_min(_LEAST_WEIGHT)
        weight = torch.unflatten(1 / (share * share.shape[2]), 2, found.shape[2:])
        return torch.where(weight < 1, torch.exp(_SUPPRESSION * (weight - 1)), 1.0)

    def is_inside(self, maps: Float[Tensor, "N C 4 h w"]) -> Float[Tensor, "N C 1 1 1"]:
        """1 for channels that are larger inside a map than at its border, else 0."""
        return (_mean(maps[..., 1:-1, 1:-1]) / (_mean(maps) + 1e-8) > 1).to(maps)

    def _salient_kernel(self, maps: Float[Tensor, "N C s h w"]) -> Float[Tensor, "N C 3 3"]:
        attention = F.normalize(torch.relu(self.kernel(maps)).flatten(2), p=1, dim=1)
        attention = F.normalize(attention, p=1, dim=2)
        return torch.unflatten(maps.flatten(2) @ attention.transpose(1, 2), 2, (3, 3))


def correlate(maps: Float[Tensor, "N C t h w"], kernel: Float[Tensor, "N C m n"]) -> Float[Tensor, "N t h w"]:
    """The frames of each clip with that clip's kernel, the border repeated outwards.

    Place by place of the kernel: OpenVINO has no convolution whose kernels come with the batch.
    """
    height, width = maps.shape[3:]
    padded = F.pad(maps.flatten(1, 2), (1, 1, 1, 1), mode="replicate")
    padded = torch.unflatten(padded, 1, maps.shape[1:3])
    found = maps.new_zeros(())
    for i in range(kernel.shape[2]):
        for j in range(kernel.shape[3]):
            seen = padded[..., i : i + height, j : j + width].flatten(2)
            found = found + kernel[:, :, i, j].unsqueeze(1) @ seen
    return torch.unflatten(found.squeeze(1), 1, (maps.shape[2], height, width))


def _mean(maps: Float[Tensor, "N C t h w"]) -> Float[Tensor, "N C 1 1 1"]:
    return maps.mean(dim=(2, 3, 4), keepdim=True)
