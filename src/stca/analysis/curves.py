"""Loss curves from the metrics of runs (the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from stca.analysis.figures import INK, PAGE, finish, printable, shorten
from stca.errors import ConfigError

LOSSES = {
    "total": "total",
    "triplet": "triplet",
    "identity": "ID (label-smoothed)",
    "center": "centre (unweighted)",
}
Records = Sequence[Mapping[str, Any]]
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def smooth(values: Float[np.ndarray, " N"], window: int) -> Float[np.ndarray, " N"]:
    """Centred moving average over `window` values; the window is cut off at both ends.

    Args:
        values: (N,).
        window: an odd number; 1 returns the values unchanged.

    Raises:
        ValueError: `window` is not a positive odd number.

    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"a window is an odd number from 1, not {window}")
    reach = window // 2
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values))
    low, high = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
    means: np.ndarray = (sums[high] - sums[low]) / (high - low)
    return means


def default_window(points: int) -> int:
    """The default smoothing window for a curve of this many points: 1/25 of it, made odd."""
    return points // 25 // 2 * 2 + 1


def curves_figure(runs: Mapping[str, Records], *, window: int = 1) -> Figure:
    """Draw each loss term over steps, one line per run, and below it the evaluations if a run has several.

    Args:
        runs: records of metrics.jsonl (`RunDir.metrics()`) by label.
        window: smoothing window in logged values (`smooth`); the raw values are drawn faintly behind.

    Raises:
        ConfigError: a run has no training steps.

    """
    trained = {label: _trained(label, records) for label, records in runs.items()}
    tested = any(sum(record["kind"] == "eval" for record in records) > 1 for records in runs.values())
    figure = Figure(figsize=(13, 6 if tested else 3.2), layout="constrained")
    upper: FigureBase = figure
    if tested:
        upper, lower = figure.subfigures(2, 1)  # type: ignore[misc]  # the stubs know one subfigure only
    terms = upper.subplots(1, len(LOSSES))
    for axes, (name, title) in zip(terms, LOSSES.items(), strict=True):
        for number, (label, records) in enumerate(trained.items()):
            _plot(axes, records, name, window=window, colour=f"C{number}", label=_short(label))
        _dress(axes, f"{title} loss", "step")
    if tested:
        axes = lower.subplots()
        for label, records in runs.items():
            _plot_figures(axes, label, [record for record in records if record["kind"] == "eval"])
        _dress(axes, "on the test set, percent", "step")
        axes.legend(fontsize=8)
    elif len(runs) > 1:
        terms[0].legend(fontsize=8)
    return finish(figure)


def loss_figure(
    runs: Mapping[str, Records],
    *,
    terms: Sequence[str] = ("total", "triplet"),
    window: int | None = None,
    title: str = "",
) -> Figure:
    """Draw one column per run and one row per loss term: raw values, faint, and a smoothed line.

    All panels share the range of steps; each has its own loss scale, starting at 0, since euclidean and
    cosine distances differ in magnitude.

    Args:
        runs: records of metrics.jsonl (`RunDir.metrics()`) by label.
        terms: keys of `LOSSES`.
        window: smoothing window in logged values (`smooth`); default: `default_window` of the shortest run.
        title: drawn above the panels.

    Raises:
        ConfigError: a run has no training steps.

    """
    trained = {label: _trained(label, records) for label, records in runs.items()}
    window = window or default_window(min(map(len, trained.values())))
    last = max(records[-1]["step"] for records in trained.values())
    figure = Figure(figsize=(PAGE, 0.55 + 2.2 * len(terms)), layout="constrained")
    grid = figure.subplots(len(terms), len(runs), squeeze=False)
    for column, (label, records) in enumerate(trained.items()):
        colour = _COLOURS[column % len(_COLOURS)]
        for row, term in enumerate(terms):
            axes = grid[row, column]
            _plot(axes, records, term, window=window, colour=colour, label=_smoothed(records, window))
            letter = ascii_lowercase[(column * len(terms) + row) % 26]
            _dress(axes, f"({letter}) {_short(label)}: {LOSSES[term]} loss", "step")
            axes.set_ylabel(f"{LOSSES[term]} loss", fontsize=8, color=INK)
            axes.set_xlim(0, last)
            axes.set_ylim(0, None)
            axes.legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=9, color=INK, x=0.01, ha="left")
    return finish(figure)


def _trained(label: str, records: Records) -> Records:
    chosen = [record for record in records if record["kind"] == "train"]
    if not chosen:
        raise ConfigError("This run has logged no training step yet", where=label)
    return chosen


def _plot(axes: Axes, records: Records, name: str, *, window: int, colour: str, label: str) -> None:
    steps = [record["step"] for record in records]
    values = np.array([record[name] for record in records], dtype=np.float64)
    if window > 1:
        axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.35)
    axes.plot(steps, smooth(values, window), color=colour, linewidth=1.3, label=label)


def _smoothed(records: Records, window: int) -> str:
    if window == 1 or len(records) < 2:
        return "as logged"
    apart = np.median(np.diff([record["step"] for record in records]))
    return f"mean over {window} logged values ({window * apart:.0f} steps)"


def _plot_figures(axes: Axes, label: str, records: Records) -> None:
    names = [name for name in (records[-1] if records else {}) if "/" in name]
    for name in names:
        steps = [record["step"] for record in records]
        values = 100 * np.array([record.get(name, np.nan) for record in records])
        axes.plot(steps, values, marker="o", markersize=4, label=f"{_short(label)}: {name}")


def _short(label: str) -> str:
    return printable(shorten(label, 40))


def _dress(axes: Axes, title: str, x: str) -> None:
    axes.set_title(title, fontsize=10 if len(title) < 40 else 8, color=INK)
    axes.set_xlabel(x, fontsize=9)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
