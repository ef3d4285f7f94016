"""A server with a gallery, and the client of the package for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from made_server import client_of, fill_gallery, served
from stca.client import Client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    with served(fill_gallery(tmp_path / "gallery")) as client:
        yield client


@pytest.fixture
def client(server: TestClient) -> Iterator[Client]:
    with client_of(server) as ours:
        yield ours
