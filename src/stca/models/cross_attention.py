"""Cross attention between a frame's map and the clip's map (section 3.3, figure 3)."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class AttentionMaps(NamedTuple):
    """Attention over positions; every map sums to one. The gate multiplies by 1 + map."""

    spatial: Float[Tensor, "N k"]
    temporal: Float[Tensor, "N k"]


class CrossAttention(nn.Module):
    """Where the frame agrees with the clip, and the clip with the frame.

    With F_S the frame's and F_T the clip's features at k positions, R_ij = cos(F_S,i, F_T,j). A small
    network looks at the mean of R over i, positions as channels, and answers with a weight w_j for each
    clip position; A_S is the softmax over i of mean_j(R_ij w_j) / temperature. A_T comes from R transposed
    with the same small network.

    Args:
        num_positions: k, height times width of the gated feature map.
        hidden: channels of the small network; default max(1, k // 32), which is the official 6 at k = 192.
        temperature: of the softmax, 0.025 in the official code; the paper names none.

    """

    def __init__(self, num_positions: int, *, hidden: int | None = None, temperature: float = 0.025) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"the temperature is above 0, not {temperature}")
        self.num_positions = num_positions
        self.temperature = temperature
        hidden = max(1, num_positions // 32) if hidden is None else hidden
        self.squeeze = nn.Linear(num_positions, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.expand = nn.Linear(hidden, num_positions)

    def forward(self, frame: Float[Tensor, "N C k"], clip: Float[Tensor, "N C k"]) -> AttentionMaps:
        """Maps for N pairs of a frame's and its clip's features."""
        correlation = F.normalize(frame, dim=1).transpose(1, 2) @ F.normalize(clip, dim=1)
        return AttentionMaps(self._attend(correlation), self._attend(correlation.transpose(1, 2)))

    def _attend(self, correlation: Float[Tensor, "N i j"]) -> Float[Tensor, "N i"]:
        weight = self.expand(F.relu(self.norm(self.squeeze(correlation.mean(dim=1)))))
        score = (correlation * weight[:, None, :]).mean(dim=2)
        return F.softmax(score / self.temperature, dim=1)
