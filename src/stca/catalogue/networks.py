"""The entries of the catalogue, read from `networks.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from stca.errors import ConfigError
from stca.tools.lookup import as_tuples, suggest

Kind = Literal["reid", "detector", "backbone"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """One file of a network.

    Args:
        name: under which it is kept.
        url: of the publisher.
        bytes: its size; 0 where the publisher names none.
        sha256: of its content, in hexadecimal digits.

    """

    name: str
    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Network:
    """An entry of the catalogue.

    Args:
        name: for `stca weights get` and every `--model` and `--detector`.
        kind: "reid" (pictures of people to vectors), "detector" or "backbone" (what training starts from).
        what: the architecture, and its size.
        licence: of the weights.
        page: where the publisher describes it.
        digests_from: the source of sizes and digests.
        input: what it takes, and what it gives.
        figures: accuracy, with its source.
        seen: whether this project has run it.
        strength: the order among networks of a kind; the highest that was fetched is the default, 0 never is.
        files: the first one is what is opened.
        opened: keywords for opening it.
        measured: rank-1 in percent between cameras, as this project measured it; empty: not measured.

    """

    name: str
    kind: Kind
    what: str
    licence: str
    page: str
    digests_from: str
    input: str
    figures: str
    seen: str
    strength: int
    files: tuple[NetworkFile, ...]
    opened: dict[str, Any] = field(default_factory=dict)
    measured: str = ""

    @property
    def bytes(self) -> int | None:
        """Of all files; None where the publisher does not say."""
        return sum(file.bytes for file in self.files) if all(file.bytes for file in self.files) else None


def find_network(name: str) -> Network:
    """The entry of that name.

    Raises:
        ConfigError: there is none; names the closest.

    """
    if name in NETWORKS:
        return NETWORKS[name]
    raise ConfigError(
        f"The catalogue has no network {name!r}",
        expected="a name that `stca weights list` shows",
        hint=suggest(name, NETWORKS),
    )


def _read(path: Path) -> Mapping[str, Network]:
    with path.open("rb") as file:
        entries = tomllib.load(file)["network"]
    networks = [
        Network(
            **{
                **entry,
                "files": tuple(NetworkFile(**each) for each in entry["files"]),
                "opened": {key: as_tuples(value) for key, value in entry.get("opened", {}).items()},
            }
        )
        for entry in entries
    ]
    return {network.name: network for network in networks}


NETWORKS: Mapping[str, Network] = _read(Path(__file__).with_name("networks.toml"))
"""By name."""
