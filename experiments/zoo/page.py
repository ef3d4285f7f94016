"""Write docs/zoo.md and its picture: every system of table 1 that is a model here, beside STCA.

    python -m experiments.zoo.page

Parameters and multiply-adds are those of docs/peers.md, which a test counts; scores of small relatives are
those of experiments/results/tiny/table1.csv. A test says whether the page is up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from experiments.attention.measurements import read_table
from experiments.table1.page import values_of
from experiments.zoo.wiring import WIRINGS, Wiring
from matplotlib.figure import Figure

from stca.analysis import save_figure
from stca.analysis.figures import INK, WRONG
from stca.losses import AUTHORS
from stca.models import PEERS
from stca.models.peers import SYSTEMS
from stca.recipes import RECIPES
from stca.tools.files import write_text

ROOT = Path(__file__).parents[2]
STCA_PARAMETERS, STCA_ADDS = 41_873_106, 67.67
"""At 384x128, 8 frames (docs/stca.md)."""


def main() -> int:
    path, picture = ROOT / "docs" / "zoo.md", ROOT / "docs" / "images" / "zoo.png"
    write_text(path, page())
    save_figure(draw(read_costs((ROOT / "docs" / "peers.md").read_text())), picture)
    print(path, picture, sep="\n")
    return 0


def page() -> str:
    """The text of docs/zoo.md."""
    costs = read_costs((ROOT / "docs" / "peers.md").read_text())
    head, findings = (Path(__file__).with_name(name).read_text() for name in ("head.md", "findings.md"))
    sections = [section(name, wiring, costs) for name, wiring in WIRINGS.items()]
    return "\n".join([head, overview(costs), *sections, findings])


def read_costs(text: str) -> dict[str, tuple[int, int, float]]:
    """Parameters, frames and 10^9 multiply-adds by model, from docs/peers.md."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| (\d+) \| ([\d.]+) \|", text, re.MULTILINE)
    return {name: (int(p.replace(",", "")), int(frames), float(adds)) for name, p, frames, adds in rows}


def overview(costs: dict[str, tuple[int, int, float]]) -> str:
    """All systems in one table; multiply-adds a frame make lengths comparable."""
    lines = [
        "| system | year | parameters, M | frames | G a clip | G a frame, STCA = 1 | MARS | code's licence |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
        f"| **STCA** | 2022 | {STCA_PARAMETERS / 1e6:.1f} | 8 | {STCA_ADDS} | 1.00 | 87.0 / 90.3 | none |",
    ]
    for name, wiring in WIRINGS.items():
        parameters, frames, adds = costs[wiring.model]
        mars, system = PEERS[wiring.model].mars, SYSTEMS[name]
        ratio = adds / frames / (STCA_ADDS / 8)
        scores = f"{mars.mean_ap} / {mars.rank1}" if mars else "-"
        lines.append(
            f"| [{name}](#{anchor(name)}) | {system.year} | {parameters / 1e6:.1f} | {frames} | {adds:.1f} | "
            f"{ratio:.2f} | {scores} | {system.licence or 'no code'} |"
        )
    picture = "![published rank-1 against multiply-adds a frame](images/zoo.png)"
    return "\n".join([*lines, "", picture, ""])


def draw(costs: dict[str, tuple[int, int, float]]) -> Figure:
    """Published rank-1 on MARS against the multiply-adds of a frame."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    places = [("STCA", STCA_ADDS / 8, 90.3)]
    for name, wiring in WIRINGS.items():
        _, frames, adds = costs[wiring.model]
        if mars := PEERS[wiring.model].mars:
            places.append((name, adds / frames, mars.rank1))
    for name, cost, rank1 in places:
        color = WRONG if name == "STCA" else INK
        axes.plot(cost, rank1, "o", color=color, markersize=5)
        axes.annotate(name, (cost, rank1), xytext=(5, 3), textcoords="offset points", fontsize=8, color=color)
    axes.set_xlabel(
        "multiply-adds a frame, 10^9 (STCA at 384x128, RevisitTempool at 224x112, the rest at 256x128)"
    )
    axes.set_ylabel("published rank-1 on MARS, %")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def section(name: str, wiring: Wiring, costs: dict[str, tuple[int, int, float]]) -> str:
    """One system."""
    system, peer = SYSTEMS[name], PEERS[wiring.model]
    parameters, frames, adds = costs[wiring.model]
    variants = [f"`{each}`" for each, other in PEERS.items() if other.system == name]
    published = [f"MARS {peer.mars.mean_ap} / {peer.mars.rank1}" if peer.mars else ""]
    published += [f"Duke {peer.duke.mean_ap} / {peer.duke.rank1}" if peer.duke else ""]
    published += [f"iLIDS-VID rank-1 {peer.ilids}" if peer.ilids else ""]
    losses = "its authors' own" if name in AUTHORS else "ID and triplet loss"
    trained = f"`{wiring.model}_mars`" if f"{wiring.model}_mars" in RECIPES else "none"
    lines = [
        f"## {name}",
        "",
        f"{system.paper}, {system.venue} {system.year}. Code: {system.code or 'none'}.",
        f"It adds {wiring.adds}",
        "",
        "```",
        wiring.diagram,
        "```",
        "",
        f"- **Differs**: {wiring.differs}",
        f"- **Published**: {', '.join(filter(None, published)) or 'nothing'}.",
        f"- **Cost** of `{wiring.model}`: {parameters / 1e6:.2f} M parameters "
        f"({parameters / STCA_PARAMETERS:.2f} of STCA's), {adds:.2f} G multiply-adds of {frames} frames.",
        f"- **Trains** by {losses}; recipe {trained}.{small(wiring)}",
        f"- **Variants**: {', '.join(variants)}.",
        "",
    ]
    return "\n".join(lines)


def small(wiring: Wiring) -> str:
    """How its small relative did on walkers, if it was run."""
    found = list(read_table(ROOT / "experiments" / "results" / "tiny" / "table1.csv").values())
    name = wiring.row or next(s for s, w in WIRINGS.items() if w is wiring)
    texts = [
        f"{data} {figure} {sum(values) / len(values):.1f} % (seeds: {len(values)})"
        for data, figure in (("walkers", "rank-1"), ("twins", "own before twin"))
        if (values := values_of(found, data, name, figure))
    ]
    return f" Its small relative: {'; '.join(texts)}." if texts else ""


def anchor(name: str) -> str:
    """As GitHub makes them of headings."""
    return name.lower().replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
