"""The picture of docs/zoo.md: published rank-1 on MARS against the multiply-adds of a frame."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from stca.analysis.figures import INK, WRONG

_SIDES = [
    (dx, dy, align)
    for far in (5, 12, 20)
    for dx, dy, align in ((far, 3, "left"), (far, -9, "left"), (-far, 3, "right"), (-far, -9, "right"))
]
"""Where a label may stand, in points from its dot, the nearest first."""


def draw(places: Sequence[tuple[str, float, float]]) -> Figure:
    """A dot and a label for each place, STCA's in another colour.

    Args:
        places: name, 10^9 multiply-adds a frame, rank-1 in percent.

    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, cost, rank1 in places:
        axes.plot(cost, rank1, "o", color=WRONG if name == "STCA" else INK, markersize=5)
    axes.margins(x=0.1, y=0.08)
    axes.set_xlabel(
        "multiply-adds a frame, 10^9 (STCA at 384x128, RevisitTempool at 224x112, the rest at 256x128)"
    )
    axes.set_ylabel("published rank-1 on MARS, %")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.draw_without_rendering()  # the layout, which labels are placed in
    label(axes, places)
    return figure


def label(axes: Axes, places: Sequence[tuple[str, float, float]]) -> list[Annotation]:
    """Name every place, each label where it covers no dot and no other label."""
    dots = [Bbox.from_bounds(*(axes.transData.transform(at) - 4), 8, 8) for _, *at in places]
    taken, labels = dots, []
    for name, *at in places:
        for dx, dy, align in _SIDES:
            written = axes.annotate(
                name,
                at,
                xytext=(dx, dy),
                textcoords="offset points",
                fontsize=8,
                ha=align,
                color=WRONG if name == "STCA" else INK,
            )
            written.set_in_layout(False)  # or the layout would move what was just placed
            box = written.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            written.remove()
        else:
            raise ValueError(f"no room for the label {name}")
        taken = [*taken, box]
        labels.append(written)
    return labels
