"""Online instance matching, which GRL trains with in place of a classifier.

Xiao et al., "Joint detection and identification feature learning for person search", CVPR 2017.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn


class OnlineInstanceMatching(nn.Module):
    """Cross-entropy against a table of one unit vector per person, which follows the features.

    Left out is the paper's queue of persons without a label: all tracklets here have one. The table moves
    after the loss is computed, feature by feature in the order of the batch (the authors move it in the
    backward pass). In evaluation it stays.

    Args:
        num_ids: persons.
        dim: D of the features, which need not have length one.
        temperature: the cosines are divided by it; 0.1 in the paper.
        momentum: share of a person's old vector in the new one; 0.5 in the paper's code.

    """

    table: Tensor

    def __init__(self, num_ids: int, dim: int, *, temperature: float = 0.1, momentum: float = 0.5) -> None:
        super().__init__()
        self.temperature, self.momentum = temperature, momentum
        self.register_buffer("table", torch.zeros(num_ids, dim))

    def forward(self, features: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]) -> Float[Tensor, ""]:
        """Loss of one batch; `person_ids` are numbers from 0 to num_ids - 1."""
        unit = F.normalize(features.to(self.table), dim=1)
        loss = F.cross_entropy(unit @ self.table.T / self.temperature, person_ids)
        if self.training:
            self._follow(unit.detach(), person_ids)
        return loss

    def _follow(self, unit: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]) -> None:
        table = self.table.clone()  # the gradient still needs the old one
        for feature, person in zip(unit, person_ids.tolist(), strict=True):
            mixed = self.momentum * table[person] + (1 - self.momentum) * feature
            table[person] = F.normalize(mixed, dim=0)
        self.table = table
