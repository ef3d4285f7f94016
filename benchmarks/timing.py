"""Shared by all benchmarks: time functions in turns, compute ratios within rounds, write result pages.

Taking turns exposes all functions to the same load of the machine. Pages are Markdown and start with the
machine.
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
    """Seconds of every function in every round, after `warm_up` rounds that are not measured."""
    seconds: Seconds = {name: [] for name in contenders}
    for number in progress(range(rounds + warm_up), label=label):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if number >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratios(seconds: Seconds, of: str, to: str) -> list[float]:
    """Speedup of `of` over `to` in every round."""
    return [slow / fast for slow, fast in zip(seconds[to], seconds[of], strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, minimum and maximum as text."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def write_page(name: str, title: str, parts: Sequence[str], **versions: str) -> Path:
    """Write `results/<name>.md`: title, command, machine and versions, then the parts; returns its path."""
    command = f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}".strip()
    facts = provenance() | {"command": command} | versions
    facts["load"] = f"{os.getloadavg()[0]:.1f} running processes at the end (the benchmark's own among them)"
    head = [f"# {title}", "\n".join(f"- {key}: {value}" for key, value in facts.items())]
    path = RESULTS / f"{name}.md"
    write_text(path, "\n\n".join([*head, *parts]).rstrip() + "\n")
    return path
