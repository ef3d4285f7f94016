"""A server on loopback, and a network that it serves."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loopback_server import CONTENT, Server
from stca.catalogue import Network, NetworkFile


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "STCA_WEIGHTS_MIRROR", "STCA_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    yield made
    made.close()


@pytest.fixture
def network(server: Server) -> Callable[..., Network]:
    def make(name: str = "net", *, bytes: int = len(CONTENT), files: int = 1) -> Network:
        return Network(
            name=name,
            kind="reid",
            what="",
            licence="",
            page="",
            digests_from="",
            input="",
            figures="",
            seen="",
            strength=1,
            files=tuple(
                NetworkFile(f"{i}.onnx", f"{server.url}/{i}.onnx", bytes, hashlib.sha256(CONTENT).hexdigest())
                for i in range(files)
            ),
        )

    return make


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STCA_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"
