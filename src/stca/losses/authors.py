"""The objectives of the peers whose authors train by more than ID, triplet and centre loss.

Each takes a network of `stca.models.peers` apart in `clip_rows`, and adds up in `batch_loss` what its paper
has. A weight that is not known to us is 1, and the class says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from stca.losses.objective import AuthorsParts, ReIDObjective
from stca.losses.oim import OnlineInstanceMatching
from stca.losses.spread import attention_overlap, frame_attention_difference, memory_concentration
from stca.losses.triplet import BatchHardTriplet
from stca.losses.verification import verification_loss

Output = tuple[Tensor, Tensor]
"""(N, D) pooled features and (N, num_ids) logits."""
_NO_CENTER: Mapping[str, object] = {"center_weight": 0.0, "center_reduction": None}


class AuthorsObjective(ReIDObjective):
    """ID and triplet loss of one or more outputs, the centre loss, and extra terms.

    Arguments are those of `ReIDObjective`.
    """

    def weighted_sum(
        self,
        pooled: Float[Tensor, "B D"],
        outputs: Sequence[Output],
        person_ids: Int64[Tensor, " B"],
        extra: Tensor | float = 0.0,
    ) -> AuthorsParts:
        """Triplet and ID losses of all outputs, the weighted centre loss and `extra`, each a scalar.

        Args:
            pooled: (B, D), what the centre loss sees.
            outputs: (N, D') pooled features and (N, num_ids) logits each, where N is B for clips, or B T for
                all their frames, a clip's side by side.
            person_ids: (B,), numbers from 0, of the clips.
            extra: the sum of all other terms, weighted, a scalar.

        """
        losses = [
            self.triplet_and_identity(
                features, logits, person_ids.repeat_interleave(len(features) // len(person_ids))
            )
            for features, logits in outputs
        ]
        triplet, identity = (torch.stack(each).sum() for each in zip(*losses, strict=True))
        center = self.center(pooled.float(), person_ids)
        extra = torch.as_tensor(extra).to(triplet)
        total = triplet + identity + self.center_weight * center + extra
        return AuthorsParts(total, triplet, identity, center, extra)


class TriNetObjective(AuthorsObjective):
    """The batch-hard triplet loss alone, soft margin, Euclidean distance (Hermans et al., 2017)."""

    ignores: ClassVar = {**_NO_CENTER, "margin": None, "metric": "euclidean", "label_smoothing": 0.0}

    def __init__(self, num_ids: int, dim: int, **settings: Any) -> None:
        super().__init__(num_ids, dim, **settings)
        self.soft = BatchHardTriplet(margin="soft", metric="euclidean")

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Triplet loss of the (B, D) embeddings; `rows` are they."""
        triplet, zero = self.soft(rows.float(), person_ids), rows.new_zeros(())
        return AuthorsParts(triplet, triplet, zero, zero, zero)


class GLTRObjective(AuthorsObjective):
    """The ID loss alone (Li et al., ICCV 2019); the paper's first stage, on single frames, is not here."""

    ignores: ClassVar = {**_NO_CENTER, "margin": None, "metric": None}

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """ID loss of the (B, num_ids) logits that the head makes of the (B, D) pooled `rows`."""
        identity = self.identity_loss(network.head(rows).logits, person_ids)
        zero = torch.zeros_like(identity)
        return AuthorsParts(identity, zero, identity, zero, zero)


class STAObjective(AuthorsObjective):
    """ID, triplet, and how much a clip's maps differ (Fu et al., AAAI 2019), by the weight 1."""

    def clip_rows(self, network: Any, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B E"]:
        """(B, D) vectors and (B, T, h, w) attention maps, flattened: E = D + T h w."""
        return _pack(*network.parts(clips))

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B E"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Of (B, D) vectors and their (B, num_ids) logits; the extra term is of (B, T, h, w) maps."""
        pooled, attention = _unpack(rows, network.embedding_dim)
        maps = torch.unflatten(attention, 1, (-1, *network.map_size))
        difference = frame_attention_difference(maps) if maps.shape[1] > 1 else 0.0
        return self.weighted_sum(pooled, [network.head(pooled)[::2]], person_ids, difference)


class STMNObjective(AuthorsObjective):
    """ID and triplet of clips and of frames, and what spreads the memories' use (Eom et al., ICCV 2021).

    Both memories' terms are ours (`memory_concentration`), by the weight 1.
    """

    def clip_rows(self, network: Any, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B E"]:
        """(B, D) vectors of clips, (B, T, D) of frames, and how each memory's slots were read.

        The temporal memory is read once a clip, (B, slots); of the spatial one it is the mean of its queries.
        """
        frames, pooled, spatial, temporal = network.readings(clips)
        read = torch.unflatten(spatial, 0, (len(clips), -1)).mean(dim=1)
        return _pack(pooled, torch.unflatten(frames, 0, (len(clips), -1)), temporal, read)

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B E"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Of (B T, D) frames and (B, D) clips with their logits; the extra terms are of both memories."""
        dim, slots = network.embedding_dim, len(network.temporal.key)
        sizes = (dim, network.clip_len * dim, slots)
        pooled, frames, temporal, spatial = _unpack(rows, *sizes)
        of_frames = network.frame_head(torch.unflatten(frames, 1, (-1, dim)).flatten(0, 1))
        spread = memory_concentration(spatial) + memory_concentration(temporal)
        return self.weighted_sum(pooled, [of_frames[::2], network.head(pooled)[::2]], person_ids, spread)

    def heads(self, network: Any) -> list[nn.Module]:
        """Both classifiers."""
        return [network.frame_head, network.head]


class BiCnetObjective(AuthorsObjective):
    """ID, triplet, and how much a group's frames look at the same rows (Hou et al., CVPR 2021).

    The term is `attention_overlap`, by the weight 1.
    """

    def clip_rows(self, network: Any, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B E"]:
        """(B, D) vectors and (B, groups, 4, h) weights of the maps' rows, flattened."""
        return _pack(*network.parts(clips))

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B E"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Of (B, D) vectors and their (B, num_ids) logits; the extra term is of a group's 4 frames' rows."""
        pooled, weights = _unpack(rows, network.embedding_dim)
        overlap = attention_overlap(torch.unflatten(weights, 1, (-1, 4, network.image_size[0] // 32)))
        return self.weighted_sum(pooled, [network.head(pooled)[::2]], person_ids, overlap)


class TCLNetObjective(AuthorsObjective):
    """ID and triplet of each half of the vector (Hou et al., ECCV 2020)."""

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Of both (B, D / 2) halves of the (B, D) `rows`, each with (B, num_ids) logits of its own."""
        return self.weighted_sum(rows, [half[::2] for half in network.head.halves(rows)], person_ids)


class PSTAObjective(AuthorsObjective):
    """ID and triplet of the means over one, two and all three levels (Wang et al., ICCV 2021)."""

    def clip_rows(self, network: Any, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B E"]:
        """The (B, D) vectors of one, two and three levels side by side: E = 3 D."""
        return _pack(*network.level_vectors(clips))

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B E"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Of each level's (B, D) vector and (B, num_ids) logits; the centre loss sees the last."""
        heads = self.heads(network)
        vectors = rows.chunk(len(heads), dim=1)
        outputs = [head(vector)[::2] for head, vector in zip(heads, vectors, strict=True)]
        return self.weighted_sum(vectors[-1], outputs, person_ids)

    def heads(self, network: Any) -> list[nn.Module]:
        """A classifier per level."""
        return [*network.lower_heads, network.head]


class GRLObjective(AuthorsObjective):
    """Online instance matching and same person or not (Liu et al., CVPR 2021), by the weight 1 each.

    Which of the vectors the authors match is not known to us: here each of the three parts of the embedding
    has a table, and the attended vectors are asked about in pairs.
    """

    ignores: ClassVar = {**_NO_CENTER, "margin": None, "metric": None, "label_smoothing": 0.0}

    def __init__(self, num_ids: int, dim: int, **settings: Any) -> None:
        super().__init__(num_ids, dim, **settings)
        self.matching = nn.ModuleList(OnlineInstanceMatching(num_ids, dim // 3) for _ in range(3))

    def batch_loss(
        self, network: Any, rows: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]
    ) -> AuthorsParts:
        """Of the (B, D / 3) parts of the (B, D) embeddings: uncorrelated, attended, mean of frames."""
        parts = rows.float().chunk(3, dim=1)
        matched = [table(part, person_ids) for table, part in zip(self.matching, parts, strict=True)]
        identity = torch.stack(matched).sum()
        pairs = verification_loss(network.verification, parts[1], person_ids)
        zero = torch.zeros_like(pairs)
        return AuthorsParts(identity + pairs, zero, identity, zero, pairs)

    def heads(self, network: Any) -> list[nn.Module]:
        """What compares pairs, too."""
        return [network.verification, network.head]


AUTHORS: Mapping[str, type[AuthorsObjective]] = {
    "TriNet": TriNetObjective,
    "GLTR": GLTRObjective,
    "STA": STAObjective,
    "STMN": STMNObjective,
    "BiCnet-TKS": BiCnetObjective,
    "TCLNet": TCLNetObjective,
    "PSTA": PSTAObjective,
    "GRL": GRLObjective,
}
"""By system. The other peers' authors train by ID and triplet loss: `ReIDObjective`."""


def _pack(*parts: Tensor) -> Float[Tensor, "B E"]:
    """Everything of a clip in one row."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def _unpack(rows: Float[Tensor, "B E"], *sizes: int) -> tuple[Tensor, ...]:
    """Parts of so many columns, and the rest."""
    return torch.split(rows, [*sizes, rows.shape[1] - sum(sizes)], dim=1)
