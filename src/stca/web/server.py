"""Run the server until it is interrupted."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from stca.errors import ConfigError
from stca.tools.collector import no_collector
from stca.tools.files import locked
from stca.web.settings import ServerSettings

if TYPE_CHECKING:
    from stca.web.state import ServerState

_IDLE = 60
"""Seconds after an answer in which a client may ask again; shorter, and a busy one loses its connection."""
_READING = 1.5
"""Seconds of reading the gallery before the server says that it is up; a larger one is read while it is."""
_GRACE = 3
"""Seconds that answers may take to end when the server stops."""


def run_server(settings: ServerSettings, *, started: Callable[[str], None] | None = None) -> None:
    """Serve a gallery until SIGINT or SIGTERM.

    Args:
        settings: of the server.
        started: called with the address once the server listens.

    Raises:
        ConfigError: the port is taken, another server serves this gallery, or anybody on the network could
            ask without a token.
        GalleryError: the gallery cannot be opened.

    """
    with no_collector(lasting=True):
        import uvicorn

        from stca.gallery import Gallery
        from stca.web.access.connections import MOST_CONNECTIONS, BoundedConnection
        from stca.web.access.tokens import Tokens
        from stca.web.app import create_app
        from stca.web.pages import prepare

    with Gallery.open(settings.gallery):
        pass  # an error before anything is made
    if not settings.loopback and not Tokens(settings.folder / "tokens.json").all():
        raise ConfigError(
            "A server that others reach needs a token",
            expected="a token, or --host 127.0.0.1",
            found=f"--host {settings.host} and no tokens",
            hint="stca serve GALLERY --new-token NAME --role editor",
        )
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = "Another server already serves this gallery"
    with locked(settings.folder / ".lock", taken=taken), closing(_listen(settings)) as listening:
        app = create_app(settings)
        reading = threading.Thread(target=_with_no_collector, args=[prepare, app.state.server], daemon=True)
        reading.start()
        reading.join(_READING)
        config = uvicorn.Config(
            app,
            http=BoundedConnection,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=_GRACE,
        )
        if started is not None:
            started(address_of(settings.host, listening.getsockname()[1]))
        uvicorn.Server(config).run(sockets=[listening])


def _with_no_collector(prepare: Callable[[ServerState], None], state: ServerState) -> None:
    with no_collector(lasting=True):
        prepare(state)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigError(
            "The server cannot listen here",
            found=error.strerror or error,
            where=f"{settings.host}:{settings.port}",
            hint="--port N chooses another port, --port 0 a free one",
        ) from error
    return listening


def address_of(host: str, port: int) -> str:
    """An address under which the server answers on this machine."""
    if host in ("0.0.0.0", "::"):
        print(
            "every network of this machine reaches the server; "
            "--name HOST allows the name or address under which others ask it",
            file=sys.stderr,
        )
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
