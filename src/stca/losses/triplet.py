"""Batch-hard triplet loss (eq. 4; Hermans et al., "In defense of the triplet loss", 2017)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from stca.distance import Metric, pairwise_distance


def batch_hard_triplet(
    distance: Float[Tensor, "B B"], same: Bool[Tensor, "B B"], *, margin: float | Literal["soft"]
) -> Float[Tensor, ""]:
    """Mean over anchors of [margin + furthest positive - closest negative]+.

    With the margin "soft" (Hermans et al., section 2) it is log(1 + exp(furthest positive - closest
    negative)) instead, which still pulls a little where the difference is large enough.

    Args:
        distance: (B, B) between all clips of the batch.
        same: (B, B) whether two clips show the same person. An anchor is its own positive at distance 0
            when it has no other.
        margin: m, or "soft".

    """
    positive = distance.masked_fill(~same, -torch.inf).amax(dim=1)
    negative = distance.masked_fill(same, torch.inf).amin(dim=1)
    difference = positive - negative
    costs = F.softplus(difference) if margin == "soft" else F.relu(margin + difference)
    return costs.mean()


class BatchHardTriplet(nn.Module):
    """`batch_hard_triplet` over features and person ids.

    The paper speaks of "semi-hard" mining in words; its equation 4, and this, is batch-hard. The mean is over
    all anchors, those with loss 0 included.

    Args:
        margin: 0.3, as in the official code; the paper names none; "soft" as TriNet's.
        metric: "cosine" (the paper's point) or "euclidean".

    """

    def __init__(self, *, margin: float | Literal["soft"] = 0.3, metric: Metric = "cosine") -> None:
        super().__init__()
        self.margin = margin
        self.metric: Metric = metric

    def forward(self, features: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]) -> Float[Tensor, ""]:
        """Loss of one batch; 0 where there is only one person and so no negative."""
        distance = pairwise_distance(features, features, metric=self.metric)
        same = person_ids[:, None] == person_ids[None, :]
        return batch_hard_triplet(distance, same, margin=self.margin)
