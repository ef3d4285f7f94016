"""Attention maps: STCA's gates, and activations of a 2D stream's last feature map (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from stca.analysis.figures import printable
from stca.analysis.maps import ClipMaps, Map, maps_figure
from stca.clips import Transform, decode_clip, normalise, sample_clips
from stca.errors import ConfigError
from stca.models import STCA, ReIDModel
from stca.tracklets import Tracklet


@dataclass(frozen=True)
class ClipAttention:
    """One clip, (T, H, W, 3) uint8 RGB, and its gates 1 + A_S and 1 + A_T, (T, h, w) each."""

    key: str
    frames: UInt8[np.ndarray, "T H W 3"]
    spatial: Float[np.ndarray, "T h w"]
    temporal: Float[np.ndarray, "T h w"]


def clip_attention(model: ReIDModel, tracklet: Tracklet, *, clip_len: int | None = None) -> ClipAttention:
    """The gates of STCA for the clip in the middle of a tracklet.

    Raises:
        ConfigError: the model has no cross attention.
        DatasetError: no frame of the tracklet can be read.

    """
    if not isinstance(model, STCA):
        raise ConfigError(
            "This model has no cross attention", expected="stca or stca_small", found=type(model).__name__
        )
    frames = _middle(model, tracklet, clip_len)
    with torch.inference_mode():
        maps = model.eval().attention_maps(_batch(model, frames))
    spatial, temporal = (each[0].float().cpu().numpy() for each in maps)
    return ClipAttention(tracklet.key, frames, spatial, temporal)


def activation(features: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T h w"]:
    """The L2 norm over the channels of a feature map, per position.

    The paper shows "the attention map from the final 2D-CNN backbone layer" (section 4.9) and does not say
    how channels are reduced to one map; the L2 norm is the usual choice.
    """
    strength: Tensor = torch.linalg.vector_norm(features.float(), dim=2)
    return strength


def clip_activation(
    model: ReIDModel, tracklet: Tracklet, *, clip_len: int | None = None
) -> Float[np.ndarray, "T h w"]:
    """`activation` of the model's last 2D feature map, for the clip in the middle of a tracklet.

    Raises:
        ConfigError: a model has no 2D stream.
        DatasetError: no frame of the tracklet can be read.

    """
    clips = _batch(model, _middle(model, tracklet, clip_len))
    with torch.inference_mode():
        maps: np.ndarray = activation(model.eval().frame_maps(clips))[0].cpu().numpy()
    return maps


def clip_maps(
    models: Mapping[str, ReIDModel], tracklet: Tracklet, *, clip_len: int | None = None
) -> ClipMaps:
    """Activation maps of all models, then 1 + A_S of every STCA (and 1 + A_T if it is the only model).

    Args:
        models: by label. Each gets the clip in its own image size; the first model's frames are drawn.
        tracklet: its middle clip is used.
        clip_len: frames per clip; default: the first model's.

    Raises:
        ConfigError: a model has no 2D stream.
        DatasetError: no frame of the tracklet can be read.

    """
    first = next(iter(models.values()))
    length = clip_len or first.clip_len
    maps = [
        Map(
            f"{printable(label)}\nactivation", clip_activation(model, tracklet, clip_len=length), "activation"
        )
        for label, model in models.items()
    ]
    for label, model in models.items():
        if isinstance(model, STCA):
            gates = clip_attention(model, tracklet, clip_len=length)
            maps.append(Map(f"{printable(label)}\ngate $1 + A_S$", gates.spatial, "gate"))
            if len(models) == 1:
                maps.append(Map(f"{printable(label)}\ngate $1 + A_T$", gates.temporal, "gate"))
    caption = f"person {tracklet.person_id}, camera {tracklet.camera_id}"
    return ClipMaps(tracklet.key, caption, _middle(first, tracklet, length), tuple(maps))


def attention_figure(clips: Sequence[ClipAttention]) -> Figure:
    """Draw three rows per clip: the frames, 1 + A_S and 1 + A_T over them, each map with its range.

    Colours run from the minimum to the maximum of each clip's map. Since every map A sums to one over its
    positions, 1 + A is close to 1; the range above each row says how close.
    """
    rows = [
        ClipMaps(
            clip.key,
            "",
            clip.frames,
            (Map("$1 + A_S$", clip.spatial, "gate"), Map("$1 + A_T$", clip.temporal, "gate")),
        )
        for clip in clips
    ]
    return maps_figure(rows)


def _middle(model: ReIDModel, tracklet: Tracklet, clip_len: int | None) -> UInt8[np.ndarray, "T H W 3"]:
    """Consecutive frames from the middle of the tracklet, resized to the model's image size."""
    chosen = sample_clips(len(tracklet), clip_len or model.clip_len, mode="consecutive")[0]
    return decode_clip(tracklet, chosen, Transform(model.image_size)).frames


def _batch(model: ReIDModel, frames: UInt8[np.ndarray, "T H W 3"]) -> Float[Tensor, "1 T 3 H W"]:
    return normalise(torch.from_numpy(frames)[None].to(next(model.parameters(), torch.empty(0)).device))
