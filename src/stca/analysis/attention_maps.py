"""Where STCA looks: both attention maps over the frames of a clip (figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stca.analysis.figures import INK
from stca.clips import Transform, decode_clip, normalise, sample_clips
from stca.errors import ConfigError
from stca.models import STCA, ReIDModel
from stca.tracklets import Tracklet


@dataclass(frozen=True)
class ClipAttention:
    """One clip, (T, H, W, 3) pixels, and its gates 1 + A, (T, h, w) each."""

    key: str
    frames: UInt8[np.ndarray, "T H W 3"]
    spatial: Float[np.ndarray, "T h w"]
    temporal: Float[np.ndarray, "T h w"]


def clip_attention(model: ReIDModel, tracklet: Tracklet, *, clip_len: int | None = None) -> ClipAttention:
    """The maps of the clip in the tracklet's middle.

    Raises:
        ConfigError: a model without cross attention.
        DatasetError: a tracklet of which no frame can be read.

    """
    if not isinstance(model, STCA):
        raise ConfigError(
            "This model has no cross attention", expected="stca or stca_small", found=type(model).__name__
        )
    device = next(model.parameters()).device
    chosen = sample_clips(len(tracklet), clip_len or model.clip_len, mode="consecutive")[0]
    frames = decode_clip(tracklet, chosen, Transform(model.image_size)).frames
    with torch.inference_mode():
        maps = model.eval().attention_maps(normalise(torch.from_numpy(frames)[None].to(device)))
    spatial, temporal = (each[0].float().cpu().numpy() for each in maps)
    return ClipAttention(tracklet.key, frames, spatial, temporal)


def attention_figure(clips: Sequence[ClipAttention]) -> Figure:
    """Three rows per clip: its frames, 1 + A_S and 1 + A_T over them, each map with its range.

    Colours run from the least to the most attended place of a clip's map. Since every map A sums to one over
    its places, 1 + A is close to 1; the numbers at the left say how close.
    """
    columns = max(len(clip.frames) for clip in clips)
    figure = Figure(figsize=(1.1 * columns + 1.3, 6.3 * len(clips)), layout="constrained")
    grid = figure.subplots(3 * len(clips), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, clip in enumerate(clips):
        rows = grid[3 * number : 3 * number + 3]
        _row(list(rows[0]), clip.frames, None, f"{clip.key}\nframes")
        for axes, name, gate in ((rows[1], "1 + A_S", clip.spatial), (rows[2], "1 + A_T", clip.temporal)):
            _row(list(axes), clip.frames, gate, f"{name}\n{gate.min():.3f} to\n{gate.max():.3f}")
    return figure


def _row(
    axes: Sequence[Axes], frames: UInt8[np.ndarray, "T H W 3"], gate: np.ndarray | None, words: str
) -> None:
    height, width = frames.shape[1:3]
    for each, frame, place in zip(axes, frames, range(len(frames)), strict=False):
        each.imshow(frame if gate is None else np.dot(frame, [0.299, 0.587, 0.114]), cmap="gray")
        if gate is not None:
            each.imshow(
                gate[place],
                cmap="turbo",
                alpha=0.5,
                vmin=gate.min(),
                vmax=gate.max(),
                extent=(-0.5, width - 0.5, height - 0.5, -0.5),
                interpolation="bilinear",
            )
    axes[0].text(
        -0.08, 0.5, words, transform=axes[0].transAxes, ha="right", va="center", fontsize=8, color=INK
    )
