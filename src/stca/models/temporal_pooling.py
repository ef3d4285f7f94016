"""From one vector per frame to one per clip: mean, attention, LSTM, consensus.

The paper takes the mean. Attention and LSTM are what its baseline compares the mean with: Gao and Nevatia,
"Revisiting temporal modeling for video-based person ReID", 2018. Consensus is a mean that outliers do not
move: frames on which somebody else is seen, or nothing, agree with none of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_ROUNDS = 2
_SHARPNESS = 6.0
"""Of the consensus: a frame at a right angle to the others weighs a four hundredth of one that agrees. From 3
to 20 it makes little difference."""


class TemporalPooling(nn.Module):
    """(B, T, D) to (B, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


class TemporalMean(TemporalPooling):
    """Every frame counts the same."""

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Mean over time."""
        return frames.mean(dim=1)


class TemporalAttention(TemporalPooling):
    """Frames weigh as a small network says that sees each with its neighbours; the weights sum to one."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        hidden = max(1, dim // 8)
        self.squeeze = nn.Linear(dim, hidden)
        self.score = nn.Conv1d(hidden, 1, 3, padding=1)

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Weighted mean over time."""
        return torch.einsum("bt,btd->bd", self.weights(frames).to(frames), frames)

    def weights(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """Of each frame; they sum to one."""
        hidden = torch.relu(self.squeeze(frames)).transpose(1, 2)
        return torch.softmax(self.score(hidden).squeeze(1), dim=1)


class TemporalConsensus(TemporalPooling):
    """Frames weigh by how well they agree with the rest; nothing is learnt.

    The weights are a softmax of the frames' cosines with the clip's vector, which at first is the mean of the
    frames at length 1, and then, twice, what these weights make of it: the mean of a von Mises-Fisher kernel,
    as in mean shift on a sphere.
    """

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Weighted mean over time."""
        return torch.einsum("bt,btd->bd", self.weights(frames).to(frames), frames)

    def weights(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B T"]:
        """Of each frame; they sum to one."""
        unit = F.normalize(frames.float(), dim=2)
        centre = unit.mean(dim=1)
        for _ in range(_ROUNDS):
            agreement = torch.einsum("btd,bd->bt", unit, F.normalize(centre, dim=1))
            weight = torch.softmax(_SHARPNESS * agreement, dim=1)
            centre = torch.einsum("bt,btd->bd", weight, unit)
        return weight


class TemporalLSTM(TemporalPooling):
    """The mean of an LSTM's outputs; a quarter of the dimensions."""

    def __init__(self, dim: int) -> None:
        super().__init__(max(1, dim // 4))
        self.lstm = nn.LSTM(dim, self.dim, batch_first=True)

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B E"]:
        """Mean output. In float32: its part of the time is small, and bf16 states lose what adds up."""
        with nullcontext() if frames.is_meta else torch.autocast(frames.device.type, enabled=False):
            outputs, _ = self.lstm(frames.float())
        mean: Tensor = outputs.mean(dim=1)
        return mean


POOLINGS: dict[str, Callable[[int], TemporalPooling]] = {
    "mean": TemporalMean,
    "attention": TemporalAttention,
    "lstm": TemporalLSTM,
    "consensus": TemporalConsensus,
}
