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
        gallery: folder of the gallery.
        videos: folders whose videos may be added and shown; everything else on the disk stays out of reach.
        host: address to listen on.
        port: from 1 to 65535; 0 lets the system choose.
        names: further host names under which browsers reach the server, such as that of a reverse proxy.
        https: whether browsers reach it over https, through a reverse proxy; cookies are then marked so.
        model: as `stca.runs.open_model`; None: the gallery's.

    Raises:
        ConfigError: a folder of videos that does not exist, or a port out of range.

    """

    gallery: Path
    videos: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    https: bool = False
    model: str | None = None

    def __post_init__(self) -> None:
        for folder in self.videos:
            if not folder.is_dir():
                raise ConfigError("There is no such folder of videos", where=folder, hint="--videos DIR")
        if not 0 <= self.port <= 65535:
            raise ConfigError("A port is a number from 0 to 65535", found=self.port)

    @property
    def folder(self) -> Path:
        """Where the server keeps its own files."""
        return self.gallery / STATE_FOLDER

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the gallery and the videos are, which is nobody's business who asks over the network."""
        return (self.gallery, *self.videos)

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
