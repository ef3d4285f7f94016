"""What all benchmarks here do: contenders take turns, round after round; ratios are taken within rounds.

A busy moment of the machine then hits all of them. Tables are markdown; a page begins with the machine.
"""

from __future__ import annotations

import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stca.tools.files import write_text
from stca.tools.progress import progress
from stca.tools.provenance import provenance

RESULTS = Path(__file__).parent / "results"
Contenders = Mapping[str, Callable[[], object]]
Seconds = dict[str, list[float]]


def take_turns(contenders: Contenders, *, rounds: int, label: str, warm_up: int = 1) -> Seconds:
    """Seconds of every contender in every round, after `warm_up` rounds that do not count."""
    seconds: Seconds = {name: [] for name in contenders}
    for number in progress(range(rounds + warm_up), label=label):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if number >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratios(seconds: Seconds, of: str, to: str) -> list[float]:
    """How many times faster `of` is than `to`, in every round."""
    return [slow / fast for slow, fast in zip(seconds[to], seconds[of], strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and from the least to the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def write_page(name: str, title: str, parts: Sequence[str], **versions: str) -> Path:
    """`results/<name>.md`: title, command, machine and versions, then the parts."""
    command = f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}".strip()
    facts = provenance() | {"command": command} | versions
    facts["load"] = f"{os.getloadavg()[0]:.1f} running processes at the end (the benchmark's own among them)"
    head = [f"# {title}", "\n".join(f"- {key}: {value}" for key, value in facts.items())]
    path = RESULTS / f"{name}.md"
    write_text(path, "\n\n".join([*head, *parts]).rstrip() + "\n")
    return path
