"""Terms on attention maps and memories: parallel parts are to differ, frames of a clip to be alike."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-12
"""Below it the gradient of a square root is cut off, which would be infinite at zero."""


def attention_overlap(weights: Float[Tensor, "*batch K n"]) -> Float[Tensor, ""]:
    """How much K attention maps look at the same places, from 0 (nowhere) to 1 (equal maps).

    The mean over all pairs of sum_i sqrt(a_i b_i), 1 minus the squared Hellinger distance (Li et al.,
    "Diversity regularized spatiotemporal attention for video-based person re-identification", CVPR 2018). For
    BiCnet-TKS, whose paper asks for maps that diverge; that its own term has this form is not verified.

    Args:
        weights: not negative, each map's sum is one; K from 2, e.g. `BiCnetTKS.row_weights`.

    Raises:
        ValueError: fewer than two maps.

    """
    count = weights.shape[-2]
    if count < 2:
        raise ValueError(f"one map overlaps with others: K is at least 2, not {count}")
    first, second = torch.triu_indices(count, count, 1, device=weights.device)
    product = weights[..., first, :] * weights[..., second, :]
    return product.clamp_min(_TINY).sqrt().sum(dim=-1).mean()


def memory_concentration(match: Float[Tensor, "N slots"]) -> Float[Tensor, ""]:
    """How far a memory is read from few slots only, from 0 (all alike) to 1 (always the same one).

    1 minus the entropy of the batch's mean match, in units of log(slots). STMN's paper has a term for the
    purpose, its memory spread loss, whose formula is not verified: this is our own.

    Args:
        match: the share of each slot in what each query reads, at least two slots; each row's sum is one,
            e.g. `STMN.parts(clips).spatial_match`.

    Raises:
        ValueError: fewer than two slots.

    """
    slots = match.shape[1]
    if slots < 2:
        raise ValueError(f"a memory spreads over slots: at least 2, not {slots}")
    mean = match.float().mean(dim=0)
    return 1 + torch.xlogy(mean, mean).sum() / math.log(slots)


def frame_attention_difference(attention: Float[Tensor, "B T h w"]) -> Float[Tensor, ""]:
    """How much the attention maps of a clip's frames differ: STA's inter-frame regularisation.

    The mean over all pairs of frames of the Frobenius norm of their difference. The paper draws one pair;
    this is its expected value.

    Args:
        attention: e.g. `STA.attention(clips)`; T from 2.

    """
    frames = attention.shape[1]
    if frames < 2:
        raise ValueError(f"one frame differs from no other: T is at least 2, not {frames}")
    first, second = torch.triu_indices(frames, frames, 1, device=attention.device)
    difference = (attention[:, first] - attention[:, second]).square().sum(dim=(2, 3))
    return difference.clamp_min(_TINY).sqrt().mean()
