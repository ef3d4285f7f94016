"""Figures: search results as a contact sheet, a calibration as curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stca.analysis.figures import (
    INK,
    PAGE,
    QUERY,
    RIGHT,
    WRONG,
    Box,
    Sheet,
    finish,
    printable,
    shorten,
)
from stca.boxes import without_head
from stca.errors import FrameError
from stca.footage.images import read_image
from stca.gallery.calibration import Calibration
from stca.gallery.records import Hit
from stca.gallery.times import format_time
from stca.ranking.open_set import OpenSet
from stca.tracks import FoundTracklet, representative_crops

_TILE_W, _TILE_H, _PITCH, _CAPTION = 0.86, 1.72, 0.98, 0.62
_ACROSS = 10


def answer_figure(
    query: tuple[str, str, FoundTracklet | None],
    hits: Sequence[tuple[Hit, FoundTracklet | None]],
    *,
    title: str = "",
    threshold: float | None = None,
    blur: bool = False,
) -> Figure:
    """The query at the left in blue, then the hits, ten per row.

    Args:
        query: its key, a caption, and its crops.
        hits: hits and their crops; None if they no longer exist.
        title: above the figure.
        threshold: the gallery's; hits at or above it are framed in solid green, others are dashed.
        blur: blur the heads.

    """
    lines = max(1, -(-len(hits) // _ACROSS))
    across = min(_ACROSS, max(len(hits), 4))
    line = _TILE_H + _CAPTION + 0.12
    head = 0.55
    sheet = Sheet.new(max((1 + across) * _PITCH + 0.35, 5.0), head + lines * line)
    sheet.words(0, 0, printable(title), size=10, weight="bold")
    sheet.words(0, 0.22, _legend(hits, threshold), size=8)
    key, words, crops = query
    _tile(sheet, Box(0.05, head, _TILE_W, _TILE_H), crops, f"query\n{key}\n{words}", colour=QUERY, blur=blur)
    for number, (hit, crops) in enumerate(hits):
        row, column = divmod(number, _ACROSS)
        box = Box(0.35 + (1 + column) * _PITCH, head + row * line, _TILE_W, _TILE_H)
        colour, style = _frame(hit)
        _tile(sheet, box, crops, _words(hit), colour=colour, style=style, blur=blur)
    return finish(sheet.figure)


def _legend(hits: Sequence[tuple[Hit, FoundTracklet | None]], threshold: float | None) -> str:
    beside = (
        "Dashed, “same time”: one camera saw both at once." if any(hit.at_once for hit, _ in hits) else ""
    )
    if threshold is None:
        return f"No threshold yet: stca calibrate. {beside}".strip()
    above = sum(bool(hit.accepted) for hit, _ in hits)
    words = f"Threshold {threshold:.3f}. ✓ solid green: at or above it. ✗ dashed: below. {beside}".strip()
    other = "other " if hits and hits[0][0].score >= threshold else ""
    return words if above else f"No match: no {other}result reaches the threshold. {words}"


def _frame(hit: Hit) -> tuple[str, str]:
    if hit.accepted is None and not hit.at_once:
        return INK, "solid"
    return (RIGHT, "solid") if hit.accepted else (WRONG, "dashed")


def _words(hit: Hit) -> str:
    mark = "\nsame time" if hit.at_once else {True: " ✓", False: " ✗", None: ""}[hit.accepted]
    mark += {True: "\nsaid same", False: "\nsaid other", None: ""}[hit.said]
    record = hit.record
    start = "" if record.first is None else format_time(record.first).replace(" ", "\n")
    return f"{hit.rank}   {hit.score:.3f}{mark}\n{shorten(record.key, 16)}\n{start}"


def _tile(
    sheet: Sheet,
    box: Box,
    crops: FoundTracklet | None,
    words: str,
    *,
    colour: str,
    style: str = "solid",
    blur: bool,
) -> None:
    axes = sheet.axes(box)
    image = _crop(crops)
    if image is None:
        axes.text(0.5, 0.5, "no\npicture", ha="center", va="center", fontsize=8, color="#777777")
        axes.set_facecolor("#eeeeee")
    else:
        axes.imshow(without_head(image) if blur else image, aspect="auto", interpolation="bicubic")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.2, linestyle=style)
    lines = "\n".join(shorten(printable(part), 18) for part in words.splitlines())
    sheet.words(box.x + box.width / 2, box.y + box.height + 0.05, lines, size=7, ha="center")


def _crop(crops: FoundTracklet | None) -> UInt8[np.ndarray, "H W 3"] | None:
    """The best crop; None if it cannot be read."""
    if crops is None:
        return None
    try:
        return read_image(representative_crops(crops, 1)[0])
    except FrameError:
        return None


def calibration_figure(calibration: Calibration, searches: OpenSet, *, title: str = "") -> Figure:
    """DIR over FAR on the left; on the right, score histograms of both kinds of search, and the threshold."""
    figure = Figure(figsize=(PAGE * 1.25, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _curve(left, calibration, searches)
    _scores(right, calibration, searches)
    figure.suptitle(printable(title), fontsize=10, color=INK, x=0.01, ha="left")
    return finish(figure)


def _curve(axes: Axes, calibration: Calibration, searches: OpenSet) -> None:
    far, rate = searches.curve()
    lowest = float(10 ** np.floor(np.log10(0.5 / len(searches.impostor))))  # a tick of its own
    axes.step(np.maximum(far, lowest), 100 * rate, where="post", color=QUERY, linewidth=1.8)
    for wanted, value in ((0.01, calibration.dir_at_1), (0.10, calibration.dir_at_10)):
        axes.plot(max(wanted, lowest), 100 * value, "o", color=QUERY, markersize=5, clip_on=False)
        axes.annotate(
            f"{100 * value:.1f} % at {100 * wanted:g} %",
            (max(wanted, lowest), 100 * value),
            xytext=(6, -12 if value > 0.12 else 6),
            textcoords="offset points",
            fontsize=8,
            color=INK,
        )
    axes.set_xscale("log")
    axes.set_xlim(lowest, 1)
    axes.set_ylim(0, 102)
    axes.set_xticks(
        [tick for tick in (0.001, 0.01, 0.1, 1.0) if tick >= lowest],
        [f"{100 * tick:g} %" for tick in (0.001, 0.01, 0.1, 1.0) if tick >= lowest],
    )
    axes.set_xlabel(
        "false-accept rate: searches for people not in the gallery with a hit", fontsize=8, color=INK
    )
    axes.set_ylabel("found and accepted at rank 1, %", fontsize=8, color=INK)
    axes.set_title("DIR at FAR", fontsize=9, color=INK)
    _dress(axes)


def _scores(axes: Axes, calibration: Calibration, searches: OpenSet) -> None:
    right = searches.right[searches.right > -np.inf]
    bins = np.linspace(min(searches.impostor.min(), right.min(initial=1.0)), 1, 30).tolist()
    axes.hist(
        searches.impostor,
        bins,
        color=WRONG,
        alpha=0.55,
        density=True,
        label="best hit, person not in gallery",
    )
    if len(right):
        axes.hist(right, bins, color=RIGHT, alpha=0.55, density=True, label="best hit, right person")
    label = f"threshold {calibration.threshold:.3f}"
    axes.axvline(calibration.threshold, color=INK, linewidth=1.4, linestyle="--", label=label)
    axes.set_xlabel("cosine similarity", fontsize=8, color=INK)
    axes.set_ylabel("density", fontsize=8, color=INK)
    axes.set_title("scores", fontsize=9, color=INK)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    _dress(axes)


def _dress(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
