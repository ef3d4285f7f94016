"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from stca.errors import ConfigError

STATE_FOLDER = "serve"
"""Folder inside the gallery's for what the server keeps: tokens, audit log, jobs, saved searches, uploads."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Options of `stca serve`.

    Args:
        gallery: its folder, or its address (`stca.gallery.milvus.address`), which needs a `state`.
        videos: folders whose videos may be added and shown; everything else on the disk stays out of reach.
        host: address to listen on.
        port: from 1 to 65535; 0 lets the system choose.
        names: further host names under which browsers reach the server, such as that of a reverse proxy.
        https: whether browsers reach it over https, through a reverse proxy; cookies are then marked so.
        model: as `stca.runs.open_model`; None: the gallery's.
        state: folder for what the server keeps; None: `serve` in the gallery's.

    Raises:
        ConfigError: a folder of videos that does not exist, a port out of range, or no place for `state`.

    """

    gallery: Path | str
    videos: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    https: bool = False
    model: str | None = None
    state: Path | None = None

    def __post_init__(self) -> None:
        for folder in self.videos:
            if not folder.is_dir():
                raise ConfigError("There is no such folder of videos", where=folder, hint="--videos DIR")
        if not 0 <= self.port <= 65535:
            raise ConfigError("A port is a number from 0 to 65535", found=self.port)
        if self.state is None and isinstance(self.gallery, str):
            raise ConfigError(
                "A server of a gallery on Milvus needs a folder for its own files",
                expected="--state DIR",
                hint="uploads, tokens, saved searches and the audit log are kept there",
            )

    @property
    def folder(self) -> Path:
        """Where the server keeps its own files."""
        if self.state is not None:
            return self.state
        assert isinstance(self.gallery, Path)  # `__post_init__`
        return self.gallery / STATE_FOLDER

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the gallery and the videos are, which is nobody's business who asks over the network."""
        own = self.gallery if isinstance(self.gallery, Path) else self.folder
        return (own, *self.videos)

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches the server, so that no token is needed."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or host name is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
