"""Figures of attention maps over the frames of clips, comparable between systems (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from stca.analysis.figures import INK, PAGE, Box, Sheet, finish, printable, shorten

Kind = Literal["activation", "gate"]

COLOURS: dict[Kind, str] = {"activation": "inferno", "gate": "viridis"}
_LABEL, _GAP, _BETWEEN, _CAPTION, _LINE, _BAR = 1.0, 0.04, 0.22, 0.17, 0.135, 0.55
_TALLEST = 1.6
_OPACITY = 0.6


@dataclass(frozen=True)
class Map:
    """One map over the frames of a clip.

    Args:
        label: the model and the kind of map.
        values: (T, h, w); an activation is at least 0, a gate is 1 + A.
        kind: selects the colour scale (see `maps_figure`).

    """

    label: str
    values: Float[np.ndarray, "T h w"]
    kind: Kind

    @property
    def displayed(self) -> Float[np.ndarray, "T h w"]:
        """The values that are drawn: activations divided by their mean over the clip, gates unchanged."""
        if self.kind == "gate":
            return self.values
        mean = self.values.mean()
        return self.values / mean if mean > 0 else np.zeros_like(self.values)

    @property
    def range_text(self) -> str:
        """The range of the values as text."""
        low, high = self.displayed.min(), self.displayed.max()
        return f"{low:.4f} to {high:.4f}" if self.kind == "gate" else f"{low:.2f} to {high:.2f} × mean"


@dataclass(frozen=True)
class ClipMaps:
    """A clip, (T, H, W, 3) uint8 RGB, and one or several maps over it."""

    key: str
    caption: str
    frames: UInt8[np.ndarray, "T H W 3"]
    maps: tuple[Map, ...]


def maps_figure(
    clips: Sequence[ClipMaps], *, across: int = 1, every: int = 1, title: str = "", note: str = ""
) -> Figure:
    """Draw one row of frames and one row per map for each clip; maps are drawn over the greyscale frames.

    All activations share one colour scale, in multiples of each clip's mean, from the 1st to the 99th
    percentile of all of them, so that systems can be compared. A gate 1 + A varies too little for a shared
    scale: its colours run from the minimum to the maximum of each clip's map. The range is written above
    each row.

    Args:
        clips: at least one, with the same maps and number of frames.
        across: number of clips side by side.
        every: draw every n-th frame of a clip; ranges and colour scales still cover all frames.
        title: drawn above the clips.
        note: below the title, in small print.

    """
    layout = _Layout.of(clips, across=across, every=every)
    top = (0.3 if title else 0.05) + (0.16 * (1 + note.count("\n")) if note else 0)
    sheet = Sheet.new(max(layout.width, 5.4), top + layout.height(len(clips)) + _BAR)
    sheet.text(0, 0, title, size=9)
    sheet.text(0, 0.22 if title else 0, note, size=7)
    limits = _limits(clips)
    for number, clip in enumerate(clips):
        line, place = divmod(number, layout.across)
        x = _LABEL + place * (layout.block_w + _BETWEEN)
        _block(sheet, x, top + line * layout.block_h, clip, layout, limits)
        if place == 0:
            for row, label in enumerate(["frames", *(each.label for each in clip.maps)]):
                middle = top + line * layout.block_h + layout.row(row) + layout.tile_h / 2
                sheet.text(_LABEL - 0.08, middle, label, ha="right", va="center")
    _bars(sheet, sheet.height - _BAR + 0.1, {each.kind for each in clips[0].maps}, limits)
    return finish(sheet.figure)


@dataclass(frozen=True)
class _Layout:
    """Sizes in inches; a block is one clip with its maps, and `across` blocks fit the width of a page."""

    across: int
    frames: tuple[int, ...]
    rows: int
    header: float
    tile_w: float
    tile_h: float

    @classmethod
    def of(cls, clips: Sequence[ClipMaps], *, across: int, every: int) -> _Layout:
        first, across = clips[0], min(across, len(clips))
        frames = tuple(range(0, len(first.frames), every))
        shape = first.frames.shape[1] / first.frames.shape[2]
        free = PAGE - _LABEL - (across - 1) * _BETWEEN - across * (len(frames) - 1) * _GAP
        width = min(free / (across * len(frames)), _TALLEST / shape)
        header = _LINE * (2 if first.caption else 1) + 0.06
        return cls(across, frames, 1 + len(first.maps), header, width, width * shape)

    @property
    def block_w(self) -> float:
        return len(self.frames) * (self.tile_w + _GAP) - _GAP

    @property
    def block_h(self) -> float:
        return self.row(self.rows) - _CAPTION + _BETWEEN

    @property
    def width(self) -> float:
        return _LABEL + self.across * (self.block_w + _BETWEEN) - _BETWEEN

    def height(self, clips: int) -> float:
        return -(-clips // self.across) * self.block_h

    def row(self, number: int) -> float:
        """Distance of a row of crops from the upper edge of its block."""
        return self.header + number * (self.tile_h + _CAPTION)


def _block(
    sheet: Sheet, x: float, y: float, clip: ClipMaps, layout: _Layout, limits: tuple[float, float]
) -> None:
    key = printable(shorten(clip.key, max(12, int(layout.block_w / 0.062))))
    sheet.text(x, y, f"{key}\n{clip.caption}", size=7)
    for row, each in enumerate([None, *clip.maps]):
        top = y + layout.row(row)
        if each:
            sheet.text(x, top - _CAPTION + 0.02, each.range_text, size=7, color="#555555")
        for column, frame in enumerate(layout.frames):
            box = Box(x + column * (layout.tile_w + _GAP), top, layout.tile_w, layout.tile_h)
            _draw(sheet.axes(box), clip.frames[frame], each, frame, limits)


def _limits(clips: Sequence[ClipMaps]) -> tuple[float, float]:
    """Minimum and maximum of the colour scale of activations."""
    shown = [each.displayed.ravel() for clip in clips for each in clip.maps if each.kind == "activation"]
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
    values = each.displayed
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
    """Draw the colour bars, one per kind of map."""
    wide = (sheet.width - 0.7) / 2
    for place, kind in enumerate(kind for kind in COLOURS if kind in kinds):
        axes = sheet.axes(Box(0.25 + place * (wide + 0.3), y, wide, 0.09))
        ends = limits if kind == "activation" else (0, 1)
        bar = sheet.figure.colorbar(
            ScalarMappable(Normalize(*ends), _pale(COLOURS[kind])),
            cax=axes,
            orientation="horizontal",
            extend="both" if kind == "activation" else "neither",
        )
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7, length=2, pad=1, colors=INK)
        if kind == "gate":
            bar.set_ticks([0, 1], labels=["least", "most"])
            bar.set_label("gate 1 + A, of each clip (range above each row)", fontsize=7, color=INK)
        else:
            bar.set_label("activation, in multiples of the clip's mean", fontsize=7, color=INK)


def _pale(name: str) -> ListedColormap:
    """A colour map blended with white at the opacity of the maps."""
    colours = colormaps[name](np.linspace(0, 1, 256))
    return ListedColormap(1 - _OPACITY * (1 - colours[:, :3]))
