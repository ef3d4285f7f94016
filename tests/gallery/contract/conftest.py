"""One real Milvus server for all tests of this folder."""

from collections.abc import Iterator

import pytest

from milvus_server import MilvusServer


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    pytest.importorskip("pymilvus", reason="needs the extra stca[milvus]")
    server = MilvusServer(tmp_path_factory.mktemp("milvus") / "data")
    try:
        server.start()
        yield server
    finally:
        server.stop()
