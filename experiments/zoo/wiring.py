"""The systems of the zoo in the words of docs/zoo.md, from wiring.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wiring:
    """A system.

    Args:
        model: the network that stands for it in table 1, or its main one.
        adds: what it adds to a ResNet-50.
        diagram: from clip to vector, as text.
        differs: where paper, code and what is here differ.
        row: its row in table 1; None: it is not in it.

    """

    model: str
    adds: str
    diagram: str
    differs: str
    row: str | None = None


_FILE = Path(__file__).with_suffix(".toml")
WIRINGS: Mapping[str, Wiring] = {
    name: Wiring(**entry) for name, entry in tomllib.loads(_FILE.read_text()).items()
}
"""By system, in the order of table 1, then those beyond it."""
