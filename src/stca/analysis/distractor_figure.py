"""Scores over the size of the gallery, as strangers are added to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stca.analysis.figures import INK, PAGE, QUERY, RIGHT, WRONG, finish, printable, shorten
from stca.ranking import DistractorCurve
from stca.ranking.distractors import CURVES
from stca.tools.tables import harmless

_COLOURS = (QUERY, WRONG, RIGHT, INK)

Curves = Sequence[tuple[str, DistractorCurve]]
"""Curves by the name of the system; a system has one for each protocol."""


def distractor_figure(curves: Curves) -> Figure:
    """Rank-1 and mAP in percent over gallery rows (logarithmic), with their 95 % intervals over persons."""
    figure = Figure(figsize=(PAGE, 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(CURVES), sharey=True), CURVES, strict=True):
        for number, (system, curve) in enumerate(curves):
            label = f"{shorten(system, 30)}, {curve.metrics[0].protocol}"
            _plot(axes, curve, name, printable(label), _COLOURS[number % len(_COLOURS)])
        axes.set_xscale("log")
        axes.set_ylim(0, 100)
        axes.set_title(f"{name}, %", fontsize=9, color=INK)
        axes.set_xlabel("gallery, tracklets", fontsize=8)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    words = "; ".join(dict.fromkeys(curve.description for _, curve in curves))
    figure.suptitle(fill(f"distractors: {printable(words)}", 120), fontsize=8, color=INK)
    return finish(figure)


def distractor_csv(curves: Curves) -> str:
    """The same as CSV: fractions of 1; the interval is empty where there is one person."""
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for system, curve in curves:
        for row in curve.rows():
            whole = {
                "system": harmless(system),
                "protocol": curve.metrics[0].protocol,
                **row,
                "source": harmless(curve.description),
            }
            if writer is None:
                writer = csv.DictWriter(text, whole, lineterminator="\n")
                writer.writeheader()
            writer.writerow(whole)
    return text.getvalue()


def _plot(axes: Axes, curve: DistractorCurve, name: str, label: str, colour: str) -> None:
    rows = curve.rows()
    sizes = [metrics.gallery_size for metrics in curve.metrics]

    def percent(column: str) -> list[float]:
        return [
            100 * float(value) if isinstance(value := row[column], float) else float("nan") for row in rows
        ]

    axes.fill_between(
        sizes, percent(f"{name} low"), percent(f"{name} high"), color=colour, alpha=0.15, linewidth=0
    )
    axes.plot(sizes, percent(name), color=colour, marker="o", markersize=3, linewidth=1.2, label=label)
