"""`stca weights list | get | path | verify`: networks of others, fetched when asked to."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from stca.cli.parsing import Verbs, add_verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stca.catalogue import Network


def add_verbs(verbs: Verbs) -> None:
    """Add `weights` and what is below it."""
    parent = verbs.add_parser("weights", help="networks of others: list, fetch and verify them")
    below = parent.add_subparsers(title="commands", metavar="COMMAND", required=True)

    shown = add_verb(
        below, "list", _list, help="the catalogue: what each network is, its terms, what is here"
    )
    shown.add_argument("--kind", choices=("reid", "detector", "backbone"), help="only these")
    shown.add_argument(
        "--long", action="store_true", help="what each network is, its published figures, terms and page"
    )
    shown.add_argument("--json", action="store_true", help="everything that is known, as JSON")

    get = add_verb(below, "get", _get, help="fetch networks; resumes, and verifies their SHA-256")
    get.add_argument("name", nargs="+", help="see `stca weights list`")

    path = add_verb(below, "path", _path, help="print the file of a network that was fetched, verified")
    path.add_argument("name", help="see `stca weights list`")

    verify = add_verb(below, "verify", _verify, help="compare fetched files with their SHA-256")
    verify.add_argument("name", nargs="*", help="default: all that were fetched")


def _list(given: argparse.Namespace) -> None:
    from stca.catalogue import NETWORKS, is_fetched, weights_folder

    chosen = [network for network in NETWORKS.values() if given.kind in (None, network.kind)]
    if given.json:
        print(
            json.dumps([{**asdict(network), "fetched": is_fetched(network)} for network in chosen], indent=1)
        )
        return
    print(_details(chosen) if given.long else _table(chosen))
    print(f"\nstca weights get NAME fetches one to {weights_folder()}; --long says more of each")


def _table(networks: Sequence[Network]) -> str:
    """A line for each network."""
    width = max(len(network.name) for network in networks)
    lines = [
        f"{'name':<{width}}  {'kind':<8}  {'size':<8}  {'licence':<12}  rank-1 between cameras, measured"
    ]
    lines += [
        f"{network.name:<{width}}  {network.kind:<8}  {_size(network):<8}  "
        f"{network.licence.split(' ')[0].rstrip(';,'):<12}  {network.measured}".rstrip()
        for network in networks
    ]
    return "\n".join(lines)


def _details(networks: Sequence[Network]) -> str:
    """What each network is, its published figures, terms and page."""
    lines = []
    for network in networks:
        lines.append(f"{network.name}  [{network.kind}, {_size(network)}]")
        measured = f"rank-1 between cameras, measured here: {network.measured}" if network.measured else ""
        terms = f"{network.licence}; {network.seen}"
        words = (network.what, network.figures, measured, terms, network.page)
        lines += [f"    {line}" for line in words if line]
    return "\n".join(lines)


def _size(network: Network) -> str:
    from stca.catalogue import is_fetched

    if is_fetched(network):
        return "fetched"
    return f"{network.bytes / 1e6:.1f} MB" if network.bytes else "unknown"


def _get(given: argparse.Namespace) -> None:
    from stca.catalogue import fetch, find_network

    networks = [find_network(name) for name in given.name]
    for network in networks:
        path = fetch(network)
        print(f"licence of {network.name}: {network.licence}", file=sys.stderr)
        print(path)


def _path(given: argparse.Namespace) -> None:
    from stca.catalogue import path_of

    print(path_of(given.name))


def _verify(given: argparse.Namespace) -> int:
    from stca.catalogue import NETWORKS, find_network, is_fetched, verify

    networks = [find_network(name) for name in given.name]
    networks = networks or [network for network in NETWORKS.values() if is_fetched(network)]
    if not networks:
        print("nothing was fetched yet: stca weights get NAME")
    states = {path: state for network in networks for path, state in verify(network).items()}
    for path, state in states.items():
        print(f"{state:<8} {path}")
    return int(any(state != "ok" for state in states.values()))
