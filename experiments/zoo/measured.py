"""What the small table 1 measured, in the words of docs/zoo.md: made of its CSV, so that they follow it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.attention.measurements import Measurement, read_table
from experiments.attention.page import interval
from experiments.paper.tables import TABLE1
from experiments.table1.page import cell, values_of
from experiments.table1.setups import SYSTEMS, run_config
from experiments.zoo.wiring import WIRINGS, Wiring

from stca.models import PEERS
from stca.models.peers import SYSTEMS as PEER_SYSTEMS

TABLE = Path(__file__).parents[1] / "results" / "tiny" / "table1.csv"
_SHOWN = {"walkers": "rank-1", "twins": "own before twin"}


def small(name: str, wiring: Wiring) -> list[str]:
    """How the small relative of a system did, a line, if it was run."""
    found, row = list(read_table(TABLE).values()), wiring.row or name
    texts = [
        f"{data} {figure} {sum(values) / len(values):.1f} % (seeds: {len(values)})"
        for data, figure in _SHOWN.items()
        if (values := values_of(found, data, row, figure))
    ]
    own = bool(texts) and run_config(row, "twins", 0, Path()).loss.by == "authors"
    losses = "the losses of its paper" if own else "STCA's losses"
    return [f"- **Small relative**, trained by {losses}: {'; '.join(texts)}."] if texts else []


def summary() -> str:
    """All systems on both data sets, and what is published of them on MARS: lines of a list."""
    found = list(read_table(TABLE).values())
    lines = [_measured(found, data, figure) for data, figure in _SHOWN.items()]
    return "\n".join([*lines, _published(), ""])


def _measured(found: Sequence[Measurement], data: str, figure: str) -> str:
    values = {name: each for name in SYSTEMS if (each := values_of(found, data, name, figure))}
    if not values:
        return f"- **{data}, {figure}**: not measured yet."
    seeds = sorted({len(each) for each in values.values()})
    count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
    texts = [f"{_named(name)} {cell(each)}" for name, each in sorted(values.items(), key=_mean, reverse=True)]
    if data == "twins":
        texts.append("chance 50")
    return f"- **{data}, {figure}, %** (seeds: {count}): {', '.join(texts)}."


def _named(row: str) -> str:
    model = SYSTEMS[row]
    ours = model in PEERS and PEER_SYSTEMS[PEERS[model].system].our_layers
    return f"{row} (our layers)" if ours else row


def _mean(item: tuple[str, Sequence[float]]) -> float:
    return interval(item[1])[0]


def _published() -> str:
    """Rank-1 on MARS as their authors published it."""
    ours = next(row.published[1] for row in TABLE1.rows if row.label == "STCA")
    others = {name: mars.rank1 for name, w in WIRINGS.items() if (mars := PEERS[w.model].mars)}
    ordered = sorted({"STCA": ours or 0.0, **others}.items(), key=lambda item: item[1], reverse=True)
    return f"- **MARS, published rank-1, %**: {', '.join(f'{name} {score}' for name, score in ordered)}."
