"""Loss curves (figure 6), from a run's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure, FigureBase

from stca.analysis.figures import INK
from stca.errors import ConfigError

LOSSES = {
    "total": "total",
    "triplet": "triplet",
    "identity": "ID (label-smoothed)",
    "center": "centre (unweighted)",
}


def curves_figure(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Each term of the loss over steps, one line per run; evaluations, where there are several, below.

    Args:
        runs: lines of metrics.jsonl (`RunDir.metrics()`) by label.

    Raises:
        ConfigError: a run without training steps.

    """
    for label, records in runs.items():
        if not any(record["kind"] == "train" for record in records):
            raise ConfigError("This run has logged no training step yet", where=label)
    tested = any(sum(record["kind"] == "eval" for record in records) > 1 for records in runs.values())
    figure = Figure(figsize=(13, 6 if tested else 3.2), layout="constrained")
    upper: FigureBase = figure
    if tested:
        upper, lower = figure.subfigures(2, 1)  # type: ignore[misc]  # the stubs know one subfigure only
    terms = upper.subplots(1, len(LOSSES))
    for axes, (name, title) in zip(terms, LOSSES.items(), strict=True):
        for label, records in runs.items():
            chosen = [record for record in records if record["kind"] == "train"]
            axes.plot([r["step"] for r in chosen], [r[name] for r in chosen], label=label, linewidth=1.3)
        _dress(axes, f"{title} loss", "step")
    if tested:
        axes = lower.subplots()
        for label, records in runs.items():
            _plot_figures(axes, label, [record for record in records if record["kind"] == "eval"])
        _dress(axes, "on the test set, percent", "step")
        axes.legend(fontsize=8)
    elif len(runs) > 1:
        terms[0].legend(fontsize=8)
    return figure


def _plot_figures(axes: Any, label: str, records: Sequence[Mapping[str, Any]]) -> None:
    names = [name for name in (records[-1] if records else {}) if "/" in name]
    for name in names:
        steps = [record["step"] for record in records]
        values = 100 * np.array([record.get(name, np.nan) for record in records])
        axes.plot(steps, values, marker="o", markersize=4, label=f"{label}: {name}")


def _dress(axes: Any, title: str, x: str) -> None:
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_xlabel(x, fontsize=9)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
