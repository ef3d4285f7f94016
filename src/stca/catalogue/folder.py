"""Where fetched networks are kept, and which of them are there."""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import Literal

from stca.catalogue.networks import NETWORKS, Kind, Network, NetworkFile, find_network
from stca.errors import CheckpointError
from stca.tools.files import cache_dir

State = Literal["ok", "missing", "damaged"]


def weights_folder() -> Path:
    """`STCA_WEIGHTS`, or `weights` in the cache folder; a folder for each network lies in it."""
    return Path(os.environ.get("STCA_WEIGHTS") or cache_dir() / "weights")


def file_path(network: Network, file: NetworkFile) -> Path:
    """Where a file is kept."""
    return weights_folder() / network.name / file.name


def is_fetched(network: Network) -> bool:
    """Whether all its files are there; their content is checked when they are opened."""
    return all(file_path(network, file).is_file() for file in network.files)


def best(kind: Kind) -> Network | None:
    """The strongest network of a kind that was fetched; None where none was.

    One whose files are damaged is passed over, with a warning.
    """
    here = [n for n in NETWORKS.values() if n.kind == kind and n.strength and is_fetched(n)]
    for network in sorted(here, key=lambda n: -n.strength):
        if all(state == "ok" for state in verify(network).values()):
            return network
        warnings.warn(
            f"{network.name} was fetched, but its files are damaged, so it is not used: "
            f"stca weights get {network.name} fetches it again",
            stacklevel=2,
        )
    return None


def verify(network: Network) -> dict[Path, State]:
    """What is there of a network, file by file."""
    return {file_path(network, file): _state(file_path(network, file), file) for file in network.files}


def path_of(name: str) -> Path:
    """The file to open for a network that was fetched, after all its files were verified.

    Raises:
        ConfigError: the catalogue has no such network.
        CheckpointError: it was not fetched, or a file of it is not what its publisher describes.

    """
    network = find_network(name)
    for path, state in verify(network).items():
        if state == "missing":
            raise CheckpointError(
                f"The network {name} has not been fetched yet", where=path, hint=f"stca weights get {name}"
            )
        if state == "damaged":
            raise CheckpointError(
                f"A file of the network {name} is not what its publisher describes",
                expected=f"SHA-256 {next(f.sha256 for f in network.files if f.name == path.name)}",
                found=f"SHA-256 {digest_of(path)}",
                where=path,
                hint=f"stca weights get {name} fetches it again",
            )
    return file_path(network, network.files[0])


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state(path: Path, file: NetworkFile) -> State:
    if not path.is_file():
        return "missing"
    return "ok" if digest_of(path) == file.sha256 else "damaged"
