"""What each frame of a clip, and each place in it, adds to the cosine of its vector with another one.

A vector that is a mean is a sum of parts, and so is its cosine with any other vector:

    cos(m, v) = (sum over frames t and places p of part(t, p) . v + constant . v) / (|m| |v|)

This holds exactly where a network pools its last feature map linearly over space and by weights over time, as
CNN2D, Sum and STCA do: the weights are taken as they are, and what stands behind the pooling (a linear layer,
the neck's batch norm in evaluation) is linear. A place's part still depends on its surroundings, as far as
the network sees from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from stca.clips import normalise
from stca.models import STCA, ReIDModel
from stca.models.heads import BNNeck
from stca.models.spatial_pooling import SpatialMean, SpatialWeights
from stca.models.temporal_pooling import TemporalAttention, TemporalConsensus, TemporalMean

Neck = Literal["after", "before"]
Detail = Literal["places", "frames", "clips"]


@dataclass(frozen=True, eq=False)
class Contributions:
    """Of clips (C, T) of one tracklet, whose vector m is the mean of the clips' vectors.

    Args:
        cosine: of m with the other vector.
        frames: (C, T), what each frame adds to the cosine.
        constant: what no frame adds: biases and the mean of the batch norm. `frames` and this sum to
            `cosine`.
        places: (C, T, h, w), what each place adds; sums to `frames` over space. None where the network does
            not say.
        gates: (C, T, h, w), 1 + A_S of STCA, its attention over the frames; None of other networks.
        detail: "frames" where frames are computed one by one, without places; "clips" where only whole
            clips have a vector, and each frame gets the same part of its clip's.

    """

    cosine: float
    frames: Float[np.ndarray, "C T"]
    constant: float
    places: Float[np.ndarray, "C T h w"] | None
    gates: Float[np.ndarray, "C T h w"] | None
    detail: Detail


def contributions(
    model: ReIDModel,
    clips: UInt8[np.ndarray, "C T H W 3"],
    other: Float[np.ndarray, " D"],
    *,
    neck: Neck = "after",
) -> Contributions:
    """What the frames and places of clips add to the cosine with another vector.

    Args:
        model: set to evaluation.
        clips: RGB, of the model's image size.
        other: of any length above zero.
        neck: as of the vectors that are compared.

    Raises:
        ConfigError: clips of another size.

    """
    direction = torch.from_numpy(np.asarray(other, np.float32) / np.linalg.norm(other))
    device = next(model.parameters(), torch.empty(0)).device
    pixels = normalise(torch.from_numpy(np.ascontiguousarray(clips)).to(device))
    model.eval().check_clips(pixels)
    with torch.inference_mode():
        neck_scale, neck_shift = _neck(model, neck)
        if _pools_linearly(model):
            found = _by_places(model, pixels, direction.to(device), neck_scale, neck_shift)
        elif model.frame_by_frame:
            found = _by_frames(model, pixels, direction.to(device), neck_scale, neck_shift)
        else:
            found = _by_clips(model, pixels, direction.to(device), neck_scale, neck_shift)
        gates = model.attention_maps(pixels)[0] if isinstance(model, STCA) else None
    length = float(found.vector.norm())
    return Contributions(
        cosine=float(found.vector @ direction.to(device)) / length,
        frames=_array(found.frames) / length,
        constant=float(found.constant) / length,
        places=None if found.places is None else _array(found.places) / length,
        gates=None if gates is None else _array(gates),
        detail=found.detail,
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """Before they are divided by the vector's length."""

    vector: Float[Tensor, " D"]
    frames: Float[Tensor, "C T"]
    constant: Float[Tensor, ""]
    places: Float[Tensor, "C T h w"] | None
    detail: Detail


def _neck(model: ReIDModel, neck: Neck) -> tuple[Tensor, Tensor]:
    """Scale and shift (D,) from the pooled vector to the embedding."""
    head, dim = model.head, model.embedding_dim
    if neck == "before" or not isinstance(head, BNNeck):
        device = next(model.parameters(), torch.empty(0)).device
        return torch.ones(dim, device=device), torch.zeros(dim, device=device)
    norm = head.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def _pools_linearly(model: ReIDModel) -> bool:
    """Whether the pooled vector is a weighted sum over frames and places of the last feature map."""
    space, time = getattr(model, "space", None), getattr(model, "pooling", None)
    return isinstance(space, SpatialMean | SpatialWeights) and isinstance(
        time, TemporalMean | TemporalAttention | TemporalConsensus
    )


def _by_places(model: ReIDModel, pixels: Tensor, direction: Tensor, scale: Tensor, shift: Tensor) -> _Parts:
    space: nn.Module = model.space  # type: ignore[assignment]
    maps = model.frame_maps(pixels).float()
    frames = space(maps)
    pooling = model.pooling
    if isinstance(pooling, TemporalAttention | TemporalConsensus):
        weights = pooling.weights(frames).float()
    else:
        weights = torch.full(frames.shape[:2], 1 / frames.shape[1], device=frames.device)
    weights = weights / len(maps)
    wanted = scale * direction
    constant = shift @ direction
    if isinstance(space, SpatialWeights):
        constant = constant + space.linear.bias @ wanted
        places = torch.einsum("btchw,chw,c->bthw", maps, space.weight, space.linear.weight.T @ wanted)
    else:
        places = torch.einsum("btchw,c->bthw", maps, wanted) / (maps.shape[3] * maps.shape[4])
    places = places * weights[:, :, None, None]
    vector = torch.einsum("bt,btd->d", weights, frames) * scale + shift
    return _Parts(vector, places.sum(dim=(2, 3)), constant, places, "places")


def _by_frames(model: ReIDModel, pixels: Tensor, direction: Tensor, scale: Tensor, shift: Tensor) -> _Parts:
    vectors = model.features(pixels.flatten(0, 1).unsqueeze(1)).float() * scale
    parts = (vectors @ direction / len(vectors)).reshape(pixels.shape[:2])
    return _Parts(vectors.mean(dim=0) + shift, parts, shift @ direction, None, "frames")


def _by_clips(model: ReIDModel, pixels: Tensor, direction: Tensor, scale: Tensor, shift: Tensor) -> _Parts:
    vectors = model.features(pixels).float() * scale
    clips, frames = pixels.shape[:2]
    parts = (vectors @ direction / (clips * frames))[:, None].expand(clips, frames)
    return _Parts(vectors.mean(dim=0) + shift, parts, shift @ direction, None, "clips")


def _array(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.float().cpu().numpy()
    return found
