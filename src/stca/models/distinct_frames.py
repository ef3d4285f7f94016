"""Which frames of a batch are the same, so that each is computed once."""

from __future__ import annotations

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

_SAMPLED = 256
"""Values of a frame that are compared before all of them are."""


def distinct_frames(frames: Shaped[Tensor, N * values]) -> tuple[Int64[Tensor, " M"], Int64[Tensor, " N"]]:
    """Frames that are equal in every value.

    Returns:
        the number of the first of each kind, in their order, and for every frame the number of its kind.

    """
    flat = frames.flatten(1)
    sample = flat[:, :: max(1, flat.shape[1] // _SAMPLED)].cpu().numpy()
    kinds: dict[bytes, list[int]] = {}  # by the sampled values: kinds that may be the same
    first: list[int] = []
    kind_of: list[int] = []
    for number, values in enumerate(sample):
        candidates = kinds.setdefault(values.tobytes(), [])
        kind = next((k for k in candidates if torch.equal(flat[first[k]], flat[number])), len(first))
        if kind == len(first):
            first.append(number)
            candidates.append(kind)
        kind_of.append(kind)
    return torch.tensor(first, device=frames.device), torch.tensor(kind_of, device=frames.device)
