"""The training objective: triplet + ID + weighted centre loss (eq. 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from stca.distance import Metric
from stca.losses.center import CenterLoss, Reduction
from stca.losses.triplet import BatchHardTriplet


class LossParts(NamedTuple):
    """The sum, and its terms before weighting."""

    total: Float[Tensor, ""]
    triplet: Float[Tensor, ""]
    identity: Float[Tensor, ""]
    center: Float[Tensor, ""]


class AuthorsParts(NamedTuple):
    """`LossParts`, and the terms that only the authors of a network have, weighted."""

    total: Float[Tensor, ""]
    triplet: Float[Tensor, ""]
    identity: Float[Tensor, ""]
    center: Float[Tensor, ""]
    authors: Float[Tensor, ""]


class ReIDObjective(nn.Module):
    """Eq. 3: L = L_triplet + L_ID + beta L_center.

    Triplet and centre loss see the pooled features, the ID loss the logits behind the BN neck, as the bag of
    tricks that the paper follows has it. `cross_entropy(label_smoothing=e)` is eq. 6 with eq. 7.

    Args:
        num_ids: persons.
        dim: D of the pooled features.
        margin: of the triplet loss.
        metric: of the triplet loss.
        label_smoothing: epsilon of eq. 7.
        center_weight: beta.
        center_reduction: see `CenterLoss`.

    """

    ignores: ClassVar[Mapping[str, object]] = {}
    """Settings that do not act here, each with the value that says so (None: no value does)."""

    def __init__(
        self,
        num_ids: int,
        dim: int,
        *,
        margin: float = 0.3,
        metric: Metric = "cosine",
        label_smoothing: float = 0.1,
        center_weight: float = 0.0005,
        center_reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.triplet = BatchHardTriplet(margin=margin, metric=metric)
        self.center = CenterLoss(num_ids, dim, reduction=center_reduction)
        self.label_smoothing = label_smoothing
        self.center_weight = center_weight

    def forward(
        self,
        pooled: Float[Tensor, "B D"],
        logits: Float[Tensor, "B num_ids"],
        person_ids: Int64[Tensor, " B"],
    ) -> LossParts:
        """Loss of one batch; `person_ids` are numbers from 0 to num_ids - 1. Computed in float32."""
        triplet, identity = self.triplet_and_identity(pooled, logits, person_ids)
        center = self.center(pooled.float(), person_ids)
        return LossParts(triplet + identity + self.center_weight * center, triplet, identity, center)

    def triplet_and_identity(
        self,
        pooled: Float[Tensor, "B D"],
        logits: Float[Tensor, "B num_ids"],
        person_ids: Int64[Tensor, " B"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Triplet and ID loss alone, two scalars; arguments as of `forward`."""
        return self.triplet(pooled.float(), person_ids), self.identity_loss(logits, person_ids)

    def identity_loss(
        self, logits: Float[Tensor, "B num_ids"], person_ids: Int64[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """The ID loss alone, eq. 6 with eq. 7."""
        return F.cross_entropy(logits.float(), person_ids, label_smoothing=self.label_smoothing)

    # A network's loss has two halves, as its forward pass has: `clip_rows` goes clip by clip, so that it can
    # be done in pieces and by several processes; `batch_loss` sees the whole batch. `network`: a `ReIDModel`.

    def clip_rows(self, network: Any, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B E"]:
        """What the losses have to know of every clip, in one row each: here the (B, D) pooled features."""
        rows: Tensor = network.features(clips)
        return rows

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B E"], person_ids: Int64[Tensor, " B"]
    ) -> LossParts | AuthorsParts:
        """Loss of a whole batch, scalars: of (B, E) `rows` from `clip_rows` and (B,) numbers of persons."""
        output = network.head(rows)
        parts: LossParts = self(output.pooled, output.logits, person_ids)
        return parts

    def heads(self, network: Any) -> list[nn.Module]:
        """The parts of the network that `batch_loss` passes through; all others belong to `clip_rows`."""
        return [network.head]
