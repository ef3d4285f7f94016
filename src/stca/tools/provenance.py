"""Provenance of a result: command, commit, machine, versions."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from stca.version import __version__


def provenance() -> dict[str, str]:
    """Command, date, versions, commit (of a source checkout) and machine, as text."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *map(shlex.quote, sys.argv[1:])]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "stca": __version__,
        "commit": _commit(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": _machine(),
    }


def provenance_line() -> str:
    """`provenance` as a line of text, for a page that shows its command elsewhere."""
    return " ".join(f"{name}: {value}." for name, value in provenance().items() if name != "command")


def _commit() -> str:
    """The checkout's; "-dirty" where a file differs, but for results: commands write them."""
    try:
        commit = _git("describe", "--always", "--abbrev=10")
        results = [f":(top,exclude){folder}/results" for folder in ("benchmarks", "experiments")]
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", *results)
    except (OSError, subprocess.SubprocessError):
        return "no source checkout"
    return f"{commit}-dirty" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()


def _machine() -> str:
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    text = f"{name}, {os.cpu_count()} cores"
    if torch.cuda.is_available():
        text += f", {torch.cuda.get_device_name()}"
    return text
