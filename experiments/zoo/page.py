"""Write docs/zoo.md and its picture: every system of table 1 that is a model here, beside STCA.

    python -m experiments.zoo.page

Parameters and multiply-adds are those of docs/peers.md, which a test counts; scores of small relatives are
those of experiments/results/tiny/table1.csv. A test says whether the page is up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from experiments.paper.tables import note_of
from experiments.zoo import measured
from experiments.zoo.picture import draw
from experiments.zoo.wiring import WIRINGS, Wiring

from stca.analysis import save_figure
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
    costs = read_costs((ROOT / "docs" / "peers.md").read_text())
    save_figure(draw([("STCA", STCA_ADDS / 8, 90.3), *places(costs)]), picture)
    print(path, picture, sep="\n")
    return 0


def page() -> str:
    """The text of docs/zoo.md."""
    costs = read_costs((ROOT / "docs" / "peers.md").read_text())
    head, findings = (Path(__file__).with_name(name).read_text() for name in ("head.md", "findings.md"))
    sections = [section(name, wiring, costs) for name, wiring in WIRINGS.items()]
    return "\n".join([head, overview(costs), *sections, findings.replace("FIGURES\n", measured.summary())])


def read_costs(text: str) -> dict[str, tuple[int, int, float]]:
    """Parameters, frames and 10^9 multiply-adds by model, from docs/peers.md."""
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| (\d+) \| ([\d.]+) \|", text, re.MULTILINE)
    return {name: (int(p.replace(",", "")), int(frames), float(adds)) for name, p, frames, adds in rows}


def overview(costs: dict[str, tuple[int, int, float]]) -> str:
    """All systems in one table; multiply-adds a frame make lengths comparable."""
    lines = [
        "| system | year | parameters, M | frames | G a clip | G a frame, STCA = 1 | MARS | code's licence "
        "| recipe |",
        "|---|---:|---:|---:|---:|---:|---:|---|---|",
        f"| **STCA** | 2022 | {STCA_PARAMETERS / 1e6:.1f} | 8 | {STCA_ADDS} | 1.00 | 87.0 / 90.3 | none "
        "| [stca.md](stca.md) |",
    ]
    for name, wiring in WIRINGS.items():
        parameters, frames, adds = costs[wiring.model]
        mars, system = PEERS[wiring.model].mars, SYSTEMS[name]
        ratio = adds / frames / (STCA_ADDS / 8)
        scores = f"{mars.mean_ap} / {mars.rank1}" if mars else "-"
        lines.append(
            f"| [{name}](#{anchor(name)}) | {system.year} | {parameters / 1e6:.1f} | {frames} | {adds:.1f} | "
            f"{ratio:.2f} | {scores} | {system.licence or 'no code'} | {note_of(wiring.model)} |"
        )
    picture = "![published rank-1 against multiply-adds a frame](images/zoo.png)"
    return "\n".join([*lines, "", picture, ""])


def places(costs: dict[str, tuple[int, int, float]]) -> list[tuple[str, float, float]]:
    """Name, multiply-adds a frame and published rank-1 on MARS, of systems that have published figures."""
    chosen = [(name, costs[w.model], PEERS[w.model].mars) for name, w in WIRINGS.items()]
    return [(name, adds / frames, mars.rank1) for name, (_, frames, adds), mars in chosen if mars]


def section(name: str, wiring: Wiring, costs: dict[str, tuple[int, int, float]]) -> str:
    """One system: heading, wiring, costs, recipe and scores, as Markdown."""
    system, peer = SYSTEMS[name], PEERS[wiring.model]
    parameters, frames, adds = costs[wiring.model]
    variants = [f"`{each}`" for each, other in PEERS.items() if other.system == name]
    published = [f"MARS {peer.mars.mean_ap} / {peer.mars.rank1}" if peer.mars else ""]
    published += [f"Duke {peer.duke.mean_ap} / {peer.duke.rank1}" if peer.duke else ""]
    published += [f"iLIDS-VID rank-1 {peer.ilids}" if peer.ilids else ""]
    losses = "losses of its paper" if name in AUTHORS else "ID and triplet loss"
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
        f"- **Published**: {', '.join(filter(None, published)) or 'nothing of this network'}.",
        f"- **Cost** of `{wiring.model}`: {parameters / 1e6:.2f} M parameters "
        f"({parameters / STCA_PARAMETERS:.2f} of STCA's), {adds:.2f} G multiply-adds of {frames} frames.",
        f"- **Recipe**: {trained}; {note_of(wiring.model)}; {losses}.",
        *measured.small(name, wiring),
        f"- **Variants**: {', '.join(variants)}.",
        "",
    ]
    return "\n".join(lines)


def anchor(name: str) -> str:
    """As GitHub makes them of headings."""
    return name.lower().replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
