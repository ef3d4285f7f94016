"""A served gallery of made-up vectors, and clients that ask it without a network."""

from __future__ import annotations

import atexit
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from made_gallery import FINGERPRINT, record, vectors
from stca.client import Client
from stca.gallery import Calibration, Gallery
from stca.web.access.connections import BoundedConnection
from stca.web.app import create_app
from stca.web.settings import ServerSettings

LOCAL = "http://127.0.0.1"
ROWS = 30
PERSONS = 6


def fill_gallery(folder: Path, *, rows: int = ROWS, calibrated: bool = True) -> Path:
    """A gallery whose rows 0, 6, 12 ... are person 1, and so on; row n was seen from n to n + 3 s."""
    shutil.copytree(_filled(rows, calibrated), folder)
    return folder


@cache
def _filled(rows: int, calibrated: bool) -> Path:
    """The same, made once: a disk takes long to say that it has everything."""
    place = tempfile.TemporaryDirectory()
    atexit.register(place.cleanup)
    folder = Path(place.name) / "gallery"
    found = vectors(rows, people=PERSONS)
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        gallery.add([record(number) for number in range(rows)], found)
        keys = [each.key for each in gallery.records()]
        gallery.set_persons({key: 1 + number % PERSONS for number, key in enumerate(keys)})
        if calibrated:
            gallery.set_calibration(Calibration(0.8, 0.01, "labels", 10, 1000, rows, 0.9, 0.9, 0.95))
    return folder


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[TestClient]:
    """A client of the server; unexpected errors become answers of status 500, as in a real server."""
    app = create_app(ServerSettings(folder, **settings))
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def client_of(server: TestClient, *, token: str | None = None) -> Iterator[Client]:
    """Our own client on that server."""
    with Client(LOCAL, token=token, transport=server._transport) as client:
        yield client


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[tuple[str, FastAPI]]:
    """The address of a server that listens on loopback, and its application."""
    app = create_app(ServerSettings(folder, **settings))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, http=BoundedConnection, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join(20)
