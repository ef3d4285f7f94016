"""The page, CSV and figure of the attention study."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from experiments.attention.measurements import Measurement, read_table, to_csv
from experiments.attention.setups import CLIP_LEN, SETUPS, SIZE, SYSTEMS, table_file
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from stca.analysis import save_figure
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line

FIGURES: dict[str, Callable[[Measurement], float]] = {
    "rank-1": lambda m: 100 * m.rank1,
    "mAP": lambda m: 100 * m.mean_ap,
    "own before twin": lambda m: 100 * m.twin,
}
OURS = "STCA"
INK, BLUE = "#222222", "#4575b4"


def write(found: Sequence[Measurement], args: argparse.Namespace) -> list[Path]:
    """Write attention_study.md, .csv and .png into `args.out`; returns where they are.

    Page and figure show `found`; the CSV also keeps its rows of other runs.

    Raises:
        ConfigError: the existing CSV cannot be read.

    """
    table = table_file(args)
    page, picture = table.with_suffix(".md"), table.with_suffix(".png")
    write_text(table, to_csv((read_table(table) | {(m.case, m.key): m for m in found}).values()))
    write_text(page, _page(found, args))
    save_figure(draw(found), picture)
    return [page, table, picture]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean over seeds, and half its 95 % interval by Student's t; NaN for one seed."""
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1) * error)


def draw(found: Sequence[Measurement]) -> Figure:
    """Draw a row per data set: seeds, mean and interval of every system per metric, and the gates."""
    kinds = list(dict.fromkeys(m.case.data for m in found))
    systems = [name for name in SYSTEMS if any(m.case.system == name for m in found)]
    figure = Figure(figsize=(13, 0.6 + (0.9 + 0.29 * len(systems)) * len(kinds)), layout="constrained")
    grid = figure.subplots(len(kinds), 4, squeeze=False, sharey=True)
    for row, kind in zip(grid, kinds, strict=True):
        chosen = {s: [m for m in found if m.case == (kind, s, m.case.seed)] for s in systems}
        for axes, (name, value) in zip(row, FIGURES.items(), strict=False):
            _points(axes, [[value(m) for m in chosen[s]] for s in systems])
            axes.set_title(f"{kind}: {name}, %", fontsize=10, color=INK)
            if name == "own before twin":
                axes.axvline(50, color=INK, linewidth=0.8, linestyle=":")
                axes.annotate("chance", (50, 0.01), xycoords=("data", "axes fraction"), fontsize=8, color=INK)
            low, high = axes.get_xlim()
            axes.set_xlim(max(low, -1), min(high, 101))  # an interval over few seeds may exceed 0 to 100
        _gates(row[-1], [chosen[s] for s in systems])
        row[-1].set_title(f"{kind}: the gate 1 + A_S, least to most", fontsize=10, color=INK)
        row[0].set_yticks(range(len(systems)), systems, fontsize=9)
        row[0].set_ylim(len(systems) - 0.5, -0.5)
    return figure


def _points(axes: Axes, columns: Sequence[Sequence[float]]) -> None:
    for place, values in enumerate(columns):
        if not values:
            continue
        mean, half = interval(values)
        axes.plot(values, [place] * len(values), "o", color=BLUE, alpha=0.3, markersize=4)
        axes.errorbar(
            mean, place, xerr=None if half != half else half, fmt="D", color=BLUE, markersize=5, capsize=3
        )
    _dress(axes)


def _gates(axes: Axes, columns: Sequence[Sequence[Measurement]]) -> None:
    for place, measured in enumerate(columns):
        gated = [m for m in measured if m.gate_mean == m.gate_mean]
        if not gated and measured:
            axes.text(0.02, place, "no gate", transform=axes.get_yaxis_transform(), fontsize=8, va="center")
        if not gated:
            continue
        least, most = min(m.gate_least for m in gated), max(m.gate_most for m in gated)
        axes.plot([least, most], [place, place], color=BLUE, alpha=0.4, linewidth=5, solid_capstyle="butt")
        spread = float(np.mean([m.gate_spread for m in gated]))
        axes.errorbar(gated[0].gate_mean, place, xerr=spread, fmt="D", color=BLUE, markersize=5, capsize=3)
    _dress(axes)


def _dress(axes: Axes) -> None:
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _page(found: Sequence[Measurement], args: argparse.Namespace) -> str:
    seeds = list(dict.fromkeys(m.case.seed for m in found))
    lines = ["# What STCA owes to its gate", ""]
    lines += [
        f"Percent, mean ± half the 95 % interval of Student's t over {len(seeds)} seeds "
        f"({', '.join(map(str, seeds))}) of people, cameras and weights; protocol mars-A. What it means "
        "is in [docs/attention.md](../../docs/attention.md).",
        "",
    ]
    for kind in dict.fromkeys(m.case.data for m in found):
        here = [m for m in found if m.case.data == kind]
        lines += [f"## {kind}", "", _setup(kind, here), "", *_figures(here), "", *_differences(here)]
        lines += ["", *_gate_rows(here), "", *_origins(here), ""]
    lines += [
        "`own before twin`: how often the nearest of the person's own tracklets is nearer than the nearest "
        "of the twin's, both in other cameras than the query's; chance is 50. In `plain`, where nobody has a "
        "twin, persons are paired by their number. The gate is 1 + A_S over all places of all test frames.",
        "",
        f"Every run: {SIZE[0]}x{SIZE[1]} pixels, clips of {CLIP_LEN} frames, Adam at 1e-3 with one epoch of "
        f"warm-up and a tenth of it for the last third; {args.persons} persons to train on and "
        f"{args.persons} others to test on. Every figure of every run: "
        f"[attention_study.csv](attention_study.csv).",
        "",
        f"`{_command(args)}`",
        "",
        f"Written: {provenance_line()}",
        "",
    ]
    return "\n".join(lines)


def _setup(kind: str, here: Sequence[Measurement]) -> str:
    setup, seeds = SETUPS[kind], {s: sum(m.case.system == s for m in here) for s in SYSTEMS}
    words = (
        f"All nuisances at {setup.nuisances:g}, tracklets of {setup.frames[0]} to {setup.frames[1]} frames, "
    )
    words += f"{_range(m.steps for m in here)} steps of 8 x {setup.instances} clips."
    return f"{words} Seeds per system: {_range(n for n in seeds.values() if n)}."


def _range(values: Iterable[int]) -> str:
    """One number, or minimum to maximum."""
    ordered = sorted(set(values))
    return f"{ordered[0]} to {ordered[-1]}" if len(ordered) > 1 else str(ordered[0])


def _origins(here: Sequence[Measurement]) -> list[str]:
    """The runs by commit, machine and precision of their training."""
    found: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for m in here:
        systems = found.setdefault((m.commit, m.machine, m.precision), {})
        systems.setdefault(m.case.system, []).append(m.case.seed)
    lines = ["Trained at commit, on machine: systems (seeds)", ""]
    for (commit, machine, precision), systems in found.items():
        runs = "; ".join(f"{name} ({', '.join(map(str, seeds))})" for name, seeds in systems.items())
        where = ", ".join(filter(None, (commit, machine, precision))) or "not read_table"
        lines.append(f"- {where}: {runs}.")
    return lines


def _figures(here: Sequence[Measurement]) -> list[str]:
    lines = ["| system | " + " | ".join(FIGURES) + " |", "|---|" + "---:|" * len(FIGURES)]
    for system in dict.fromkeys(m.case.system for m in here):
        mine = [m for m in here if m.case.system == system]
        cells = (_text(interval([value(m) for m in mine])) for value in FIGURES.values())
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return lines


def _differences(here: Sequence[Measurement]) -> list[str]:
    """Differences of STCA to every other system, paired by seed."""
    ours = {m.case.seed: m for m in here if m.case.system == OURS}
    others = [s for s in dict.fromkeys(m.case.system for m in here) if s != OURS]
    if not ours or not others:
        return []
    lines = [
        "STCA less the other, seed by seed; **bold** where the 95 % interval leaves out 0. Of so many "
        "intervals one in twenty does so by chance."
        f"{_unlike(here, ours)}",
        "",
    ]
    lines += ["| STCA less | " + " | ".join(FIGURES) + " |", "|---|" + "---:|" * len(FIGURES)]
    for system in others:
        mine = [m for m in here if m.case.system == system and m.case.seed in ours]
        cells = []
        for value in FIGURES.values():
            mean, half = interval([value(ours[m.case.seed]) - value(m) for m in mine])
            text = _text((mean, half), sign="+")
            cells.append(f"**{text}**" if abs(mean) > half else text)
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return lines


def _unlike(here: Sequence[Measurement], ours: Mapping[int, Measurement]) -> str:
    """Name the differences between runs of different commits, machines or precisions."""
    words = [
        f"{m.case.system} (seed {m.case.seed})"
        for m in here
        if (our := ours.get(m.case.seed))
        and (m.commit, m.machine, m.precision) != (our.commit, our.machine, our.precision)
    ]
    if not words:
        return ""
    return f" Not of one commit, machine and precision with STCA's run: {', '.join(words)}."


def _gate_rows(here: Sequence[Measurement]) -> list[str]:
    gated = [m for m in here if m.gate_mean == m.gate_mean]
    if not gated:
        return []
    lines = ["| 1 + A_S | least | mean | most | spread over a frame |", "|---|---:|---:|---:|---:|"]
    for system in dict.fromkeys(m.case.system for m in gated):
        mine = [m for m in gated if m.case.system == system]
        least, most = min(m.gate_least for m in mine), max(m.gate_most for m in mine)
        mean, spread = (float(np.mean([getattr(m, f) for m in mine])) for f in ("gate_mean", "gate_spread"))
        lines.append(f"| {system} | {least:.4f} | {mean:.4f} | {most:.4f} | {spread:.4f} |")
    return lines


def _text(figure: tuple[float, float], *, sign: str = "") -> str:
    mean, half = figure
    return f"{mean:{sign}.1f}" if half != half else f"{mean:{sign}.1f} ± {half:.1f}"


def _command(args: argparse.Namespace) -> str:
    words = ["--seeds", *map(str, args.seeds)]
    words += ["--data", *args.data] if args.data != list(SETUPS) else []
    words += ["--systems", *args.systems] if args.systems != list(SYSTEMS) else []
    words += ["--persons", str(args.persons)] if args.persons != 40 else []
    words += ["--set", *args.set] if args.set else []
    return f"python -m experiments.attention.study {shlex.join(words)}"
