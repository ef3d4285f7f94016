"""From the maps of a clip's frames to one vector: mean, attention over frames, LSTM.

Gao and Nevatia, "Revisiting temporal modeling for video-based person ReID", 2018, sections 3.2 to 3.4. The
poolings of our own networks (`models/temporal_pooling.py`) take the frames' vectors and differ in their sums.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.temporal_pooling import TemporalLSTM


def largest_over_space(maps: Float[Tensor, "A B C h w"]) -> Float[Tensor, "A B C"]:
    """The largest value of every map.

    Over both axes at once, OpenVINO (2026) makes a pooling of it, and a scaling behind it is then computed
    wrongly.
    """
    return maps.flatten(3).amax(dim=3)


class Aggregation(nn.Module):
    """(B, T, C, h, w) to (B, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


class MeanOfFrames(Aggregation):
    """Every place and frame counts the same."""

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__(channels)

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B C"]:
        """Mean over space, then over time."""
        return maps.mean(dim=(3, 4)).mean(dim=1)


class AttentionOverFrames(Aggregation):
    """Frames weigh as their maps say, each seen as a whole, then with its neighbours.

    Args:
        channels: C.
        grid: (h, w), all of which the first kernel sees.
        hidden: channels between.

    """

    def __init__(self, channels: int, grid: tuple[int, int], *, hidden: int = 256) -> None:
        super().__init__(channels)
        self.squeeze = nn.Conv2d(channels, hidden, grid)
        self.score = nn.Conv1d(hidden, 1, 3, padding=1)

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B C"]:
        """Weighted mean over time of the means over space."""
        return (maps.mean(dim=(3, 4)) * self.weights(maps).unsqueeze(2)).sum(dim=1)

    def weights(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T"]:
        """Of each frame; they sum to one. Scores below zero count as zero, as in the official code."""
        hidden = torch.relu(self.squeeze(maps.flatten(0, 1)).flatten(1))
        over_time = torch.unflatten(hidden, 0, maps.shape[:2]).transpose(1, 2)
        return torch.softmax(torch.relu(self.score(over_time)).squeeze(1), dim=1)


class LSTMOverFrames(Aggregation):
    """The mean of an LSTM's outputs on the frames' means over space; a quarter of the dimensions."""

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__(channels // 4)
        self.recurrent = TemporalLSTM(channels)

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B D"]:
        """Mean output."""
        mean: Tensor = self.recurrent(maps.mean(dim=(3, 4)))
        return mean


AGGREGATIONS: dict[str, Callable[[int, tuple[int, int]], Aggregation]] = {
    "tp": MeanOfFrames,
    "ta": AttentionOverFrames,
    "rnn": LSTMOverFrames,
}
