"""From one vector per frame to one per clip: mean, attention, LSTM.

The paper takes the mean. The other two are what its baseline compares the mean with: Gao and Nevatia,
"Revisiting temporal modeling for video-based person ReID", 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn


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
        hidden = torch.relu(self.squeeze(frames)).transpose(1, 2)
        weight = torch.softmax(self.score(hidden).squeeze(1), dim=1)
        return torch.einsum("bt,btd->bd", weight.to(frames), frames)


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
}
