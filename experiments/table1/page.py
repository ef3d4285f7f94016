"""The page, CSV and picture of the small table 1."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from experiments.attention.measurements import Measurement, read_table, to_csv
from experiments.attention.page import FIGURES, interval
from experiments.paper.tables import OUR_LAYERS, TABLE1
from experiments.table1.setups import SETUPS, SMALL, SYSTEMS, table_file
from matplotlib.figure import Figure

from stca.analysis import save_figure
from stca.analysis.figures import INK
from stca.models import PEERS
from stca.models.peers import SYSTEMS as PEER_SYSTEMS
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line

SHOWN = {"walkers": ("rank-1", "mAP"), "twins": ("rank-1", "mAP", "own before twin")}
BLUE = "#4575b4"
LEAST_SEEDS = 3
"""For an interval: that of two is wider than the scale."""
COMMAND = "python -m experiments.table1.study"


def write(found: Sequence[Measurement], args: argparse.Namespace) -> list[Path]:
    """Write table1.md, .csv and .png; the CSV keeps rows of other runs, and page and picture show all of it.

    Raises:
        ConfigError: the existing CSV cannot be read.

    """
    table = table_file(args)
    rows = read_table(table) | {(m.case, m.key): m for m in found}
    write_text(table, to_csv(rows.values()))
    page, picture = table.with_suffix(".md"), table.with_suffix(".png")
    newest = {m.case: m for m in rows.values()}  # of several keys of a case the one measured last
    write_text(page, markdown(list(newest.values())))
    save_figure(draw(list(newest.values())), picture)
    return [page, table, picture]


def markdown(found: Sequence[Measurement]) -> str:
    """The page."""
    heads = [f"{data} {figure}" for data, figures in SHOWN.items() for figure in figures]
    lines = [
        "# Table 1, small: STCA and the systems it is compared with, on synthetic walkers",
        "",
        f"Every network with blocks {SMALL['layers']} and width {SMALL['width']} in place of ResNet-50's, at "
        "64x32 pixels (BiCnet-TKS at 128x64, the same pictures enlarged) and 8 frames, trained from random "
        "weights by STCA's losses on 32 persons (TriNet and GRL, which have no classifier, by their own) and "
        "tested on 20 others. **These figures are not comparable with the papers'.** On `twins` two persons "
        "each look the same and walk differently: what tells them apart is in no single frame, and an order "
        "by chance puts a person's own tracklet before the twin's in 50 %.",
        "",
        "Percent, mean ± half the 95 % interval of Student's t over seeds of people, cameras and weights "
        f"(from {LEAST_SEEDS} seeds on); "
        "protocol mars-A. What they say is in [docs/zoo.md](../../../docs/zoo.md).",
        "",
        f"| system | {' | '.join(heads)} | MARS rank-1, published | seeds |",
        f"|---|{'---:|' * (len(heads) + 2)}",
        *(_row(system, found) for system in _systems(found)),
        "",
    ]
    if missing := _missing(found):
        lines += [f"Not run yet: {missing}. The command below goes on where it stopped.", ""]
    steps = {data: sorted({m.steps for m in found if m.case.data == data}) for data in SETUPS}
    said = [f"{data} {low[0]} to {low[-1]}" for data, low in steps.items() if low]
    machines = "; ".join(dict.fromkeys(f"{m.commit}, {m.machine}, {m.precision}" for m in found))
    lines += [f"Steps of 8 x 2 clips: {', '.join(said)}.", "", f"`{COMMAND}`", ""]
    lines += [f"Trained at commit, on machine: {machines}.", "", f"Written: {provenance_line()}", ""]
    return "\n".join(lines)


def draw(found: Sequence[Measurement]) -> Figure:
    """Seeds, mean and interval of every system: rank-1 on walkers, own before twin on twins."""
    systems = _systems(found)
    figure = Figure(figsize=(11, 1.2 + 0.32 * len(systems)), layout="constrained")
    for axes, (data, name) in zip(
        figure.subplots(1, 2, sharey=True), (("walkers", "rank-1"), ("twins", "own before twin")), strict=True
    ):
        for place, system in enumerate(systems):
            values = values_of(found, data, system, name)
            if not values:
                continue
            mean, half = mean_and_interval(values)
            axes.plot(values, [place] * len(values), "o", color=BLUE, alpha=0.35, markersize=4)
            axes.errorbar(mean, place, xerr=half, fmt="D", color=BLUE, markersize=5, capsize=3)
        axes.set_title(f"{data}: {name}, %", fontsize=10, color=INK)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if data == "twins":
            axes.axvline(50, color=INK, linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(systems)), systems, fontsize=9)
        axes.set_ylim(len(systems) - 0.5, -0.5)
    return figure


def _systems(found: Sequence[Measurement]) -> list[str]:
    return [name for name in SYSTEMS if any(m.case.system == name for m in found)]


def values_of(found: Sequence[Measurement], data: str, system: str, figure: str) -> list[float]:
    return [FIGURES[figure](m) for m in found if m.case[:2] == (data, system)]


def _row(system: str, found: Sequence[Measurement]) -> str:
    cells = [cell(values_of(found, data, system, name)) for data, names in SHOWN.items() for name in names]
    ours = SYSTEMS[system] in PEERS and PEER_SYSTEMS[PEERS[SYSTEMS[system]].system].our_layers
    published = [row.published[1] for row in TABLE1.rows if row.label == system and not ours]
    seeds = {data: len(values_of(found, data, system, "rank-1")) for data in SHOWN}
    counts = " / ".join(map(str, seeds.values()))
    name = f"{system} ({OUR_LAYERS})" if ours else system
    return f"| {name} | {' | '.join(cells)} | {published[0] if published else '-'} | {counts} |"


def cell(values: Sequence[float]) -> str:
    """Mean and half its interval, as text; "-" where there is nothing."""
    if not values:
        return "-"
    mean, half = mean_and_interval(values)
    return f"{mean:.1f}" + ("" if half is None else f" ± {half:.1f}")


def mean_and_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and half its 95 % interval where there are seeds enough."""
    mean, half = interval(values)
    return mean, half if len(values) >= LEAST_SEEDS else None


def _missing(found: Sequence[Measurement]) -> str:
    """What of five seeds is not there."""
    have = {m.case for m in found}
    left = {
        (data, seed): [name for name in SYSTEMS if (data, name, seed) not in have]
        for seed in range(5)
        for data in SETUPS
    }
    whole = [f"{data}, seed {seed}" for (data, seed), names in left.items() if len(names) == len(SYSTEMS)]
    parts = [
        f"{data}, seed {seed}: {', '.join(names)}"
        for (data, seed), names in left.items()
        if 0 < len(names) < len(SYSTEMS)
    ]
    return "; ".join([*parts, *whole])
