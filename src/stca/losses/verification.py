"""Same person or not, asked of every pair of a batch: what GRL trains beside online instance matching.

Chen et al., "Video person re-identification with competitive snippet-similarity aggregation and co-attentive
snippet embedding", CVPR 2018, whose pairs are probes and galleries; here every two clips of a batch are one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

Compare = Callable[[Float[Tensor, "P D"], Float[Tensor, "P D"]], Float[Tensor, "P 2"]]


def verification_loss(
    compare: Compare, features: Float[Tensor, "B D"], person_ids: Int64[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy over all pairs of two clips.

    Args:
        compare: two vectors to logits of "another person" and "the same person", e.g. `GRL.verification`.
        features: (B, D), of at least two clips.
        person_ids: (B,).

    Raises:
        ValueError: there is no pair.

    """
    if len(features) < 2:
        raise ValueError(f"a pair needs two clips, and there are {len(features)}")
    first, second = torch.triu_indices(len(features), len(features), 1, device=features.device)
    same = person_ids[first] == person_ids[second]
    return F.cross_entropy(compare(features[first], features[second]).float(), same.long())
