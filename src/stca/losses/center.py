"""Centre loss (eq. 5; Wen et al., "A discriminative feature learning approach", ECCV 2016)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

Reduction = Literal["mean", "sum"]


class CenterLoss(nn.Module):
    """Half the squared distance of every feature to its person's centre; the centres are learnt.

    Args:
        num_ids: persons.
        dim: D.
        reduction: "mean" over the batch, so that its weight does not depend on the batch size, or "sum" as
            eq. 5 is written.

    """

    def __init__(self, num_ids: int, dim: int, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_ids, dim))
        self.reduction = reduction

    def forward(self, features: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]) -> Float[Tensor, ""]:
        """Loss of one batch; `person_ids` are numbers from 0 to num_ids - 1."""
        squared = (features - self.centers[person_ids]).square().sum(dim=1)
        return squared.mean() / 2 if self.reduction == "mean" else squared.sum() / 2
