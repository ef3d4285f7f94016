"""Maps over the frames of clips, drawn so that systems compare (figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from stca.analysis.figures import INK, PAGE, Box, Sheet, finish, printable, shorten

Kind = Literal["activation", "gate"]

COLOURS: dict[Kind, str] = {"activation": "inferno", "gate": "viridis"}
_LABEL, _GAP, _BETWEEN, _CAPTION, _HEADER, _BAR = 1.0, 0.04, 0.22, 0.17, 0.36, 0.55
_TALLEST = 1.6
_OPACITY = 0.6


@dataclass(frozen=True)
class Map:
    """One map over the frames of a clip.

    Args:
        label: whose it is, and of what.
        values: (T, h, w); an activation is at least 0, a gate is 1 + A.
        kind: decides the colours (see `maps_figure`).

    """

    label: str
    values: Float[np.ndarray, "T h w"]
    kind: Kind

    @property
    def shown(self) -> Float[np.ndarray, "T h w"]:
        """What the colours show: an activation in multiples of its mean over the clip, a gate as it is."""
        if self.kind == "gate":
            return self.values
        mean = self.values.mean()
        return self.values / mean if mean > 0 else np.zeros_like(self.values)

    @property
    def words(self) -> str:
        """Its range."""
        low, high = self.shown.min(), self.shown.max()
        return f"{low:.4f} to {high:.4f}" if self.kind == "gate" else f"{low:.2f} to {high:.2f} × mean"


@dataclass(frozen=True)
class ClipMaps:
    """A clip, its pixels (T, H, W, 3), and one or several maps over it."""

    key: str
    words: str
    frames: UInt8[np.ndarray, "T H W 3"]
    maps: tuple[Map, ...]


def maps_figure(
    clips: Sequence[ClipMaps], *, across: int = 1, every: int = 1, title: str = "", note: str = ""
) -> Figure:
    """Per clip one row of frames and one row per map; the maps lie over the greyed frames.

    All activations share one colour scale, from the 1st to the 99th percentile of all of them, in multiples
    of each clip's mean, so that the same colour means the same in every system. A gate 1 + A is so close to 1
    that on such a scale it would have one colour: its colours run from the least to the most of each clip's
    map. The ranges stand above the rows.

    Args:
        clips: at least one, with the same maps and number of frames.
        across: clips beside each other.
        every: show only every so many frames of a clip; ranges and colours are of all of them.
        title: above the picture.
        note: below the title, in small print.

    """
    first = clips[0]
    across = min(across, len(clips))
    columns = len(range(0, len(first.frames), every))
    height, width = first.frames.shape[1:3]
    free = PAGE - _LABEL - (across - 1) * _BETWEEN - across * (columns - 1) * _GAP
    tile_w = min(free / (across * columns), _TALLEST * width / height)
    tile_h = tile_w * height / width
    block_w = columns * tile_w + (columns - 1) * _GAP
    rows = 1 + len(first.maps)
    block_h = _HEADER + rows * tile_h + (rows - 1) * _CAPTION + _BETWEEN
    lines = -(-len(clips) // across)
    top = (0.3 if title else 0.05) + (0.16 * (1 + note.count("\n")) if note else 0)
    sheet = Sheet.new(
        max(_LABEL + across * block_w + (across - 1) * _BETWEEN, 5.4), top + lines * block_h + _BAR
    )
    sheet.words(0, 0, title, size=10)
    sheet.words(0, 0.22 if title else 0, note, size=7)
    limits = _limits(clips)
    for number, clip in enumerate(clips):
        line, place = divmod(number, across)
        left, y = _LABEL + place * (block_w + _BETWEEN), top + line * block_h
        letters = max(12, int(block_w / 0.062))
        sheet.words(left, y, f"{printable(shorten(clip.key, letters))}\n{clip.words}", size=7)
        y += _HEADER
        for row in range(rows):
            each = clip.maps[row - 1] if row else None
            if each:
                sheet.words(left, y - _CAPTION + 0.02, each.words, size=7, color="#555555")
            if place == 0:
                label = each.label if each else "frames"
                sheet.words(_LABEL - 0.08, y + tile_h / 2, label, ha="right", va="center")
            for column, frame in enumerate(range(0, len(clip.frames), every)):
                axes = sheet.axes(Box(left + column * (tile_w + _GAP), y, tile_w, tile_h))
                _draw(axes, clip.frames[frame], each, frame, limits)
            y += tile_h + _CAPTION
    _bars(sheet, sheet.height - _BAR + 0.1, {each.kind for each in first.maps}, limits)
    return finish(sheet.figure)


def _limits(clips: Sequence[ClipMaps]) -> tuple[float, float]:
    """Between which the colours of activations run."""
    shown = [each.shown.ravel() for clip in clips for each in clip.maps if each.kind == "activation"]
    if not shown:
        return 0.0, 1.0
    low, high = np.percentile(np.concatenate(shown), (1, 99))
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _draw(
    axes: Axes, picture: UInt8[np.ndarray, "H W 3"], each: Map | None, frame: int, limits: tuple[float, float]
) -> None:
    axes.set_axis_off()
    height, width = picture.shape[:2]
    if each is None:
        axes.imshow(picture, aspect="auto", interpolation="bicubic")
        return
    grey = np.dot(picture, [0.299, 0.587, 0.114])
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="bicubic")
    values = each.shown
    low, high = limits if each.kind == "activation" else (values.min(), values.max())
    axes.imshow(
        values[frame],
        cmap=COLOURS[each.kind],
        alpha=_OPACITY,
        vmin=low,
        vmax=high,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        aspect="auto",
        interpolation="bilinear",
    )


def _bars(sheet: Sheet, y: float, kinds: set[Kind], limits: tuple[float, float]) -> None:
    """What the colours say, one bar per kind of map."""
    wide = (sheet.width - 0.7) / 2
    for place, kind in enumerate(kind for kind in COLOURS if kind in kinds):
        axes = sheet.axes(Box(0.25 + place * (wide + 0.3), y, wide, 0.09))
        ends = limits if kind == "activation" else (0, 1)
        bar = sheet.figure.colorbar(
            ScalarMappable(Normalize(*ends), COLOURS[kind]),
            cax=axes,
            orientation="horizontal",
            extend="both" if kind == "activation" else "neither",
            alpha=_OPACITY,
        )
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7, length=2, pad=1, colors=INK)
        if kind == "gate":
            bar.set_ticks([0, 1], labels=["least", "most"])
            bar.set_label("gate 1 + A, of each clip (range above each row)", fontsize=7, color=INK)
        else:
            bar.set_label("activation, in multiples of the clip's mean", fontsize=7, color=INK)
