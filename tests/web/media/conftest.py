"""A gallery of rendered walkers, their videos, and an application with the routes of pictures only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stca.gallery import Gallery

if TYPE_CHECKING:
    from starlette.testclient import TestClient

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)


@pytest.fixture(scope="session")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and blue walk past one camera, blue and green past another; `out/` has tracks and gallery."""
    pytest.importorskip("av")
    pytest.importorskip("trackers")
    from street_gallery import street_gallery

    root = tmp_path_factory.mktemp("walkers")
    street_gallery(root)
    return root


@pytest.fixture
def gallery(walkers: Path) -> Iterator[Gallery]:
    with Gallery.open(walkers / "out" / "gallery") as opened:
        yield opened


@pytest.fixture
def make_client(tmp_path: Path) -> Callable[..., TestClient]:
    pytest.importorskip("fastapi")
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from stca.errors import StcaError
    from stca.runs import open_model
    from stca.web.app import _stca_error
    from stca.web.listing import Snapshot
    from stca.web.media.footage import Footage
    from stca.web.media.routes import router
    from stca.web.settings import ServerSettings
    from stca.web.state import ServerState
    from stca.web.uploads import Uploads

    folder = tmp_path / "uploads"

    class Server(ServerState):
        """Without what pictures do not need."""

        def __init__(self, gallery: Gallery, videos: tuple[Path, ...], open_it: Callable[[], Any]) -> None:
            self.gallery, self._open_it = gallery, open_it
            self.settings = ServerSettings(gallery.path, videos)
            names = {number: f"Ana {number}" for number in gallery.person_numbers().values()}
            self._all = Snapshot.of(gallery.records(), hidden=frozenset(), names=names)
            self.footage = Footage(lambda: self._all.records, videos)
            self.uploads = Uploads(folder)
            self.model_lock = threading.RLock()
            self._certainty_lock, self._certainty = threading.Lock(), None

        def snapshot(self) -> Snapshot:
            return self._all

        def model(self) -> Any:
            return self._open_it()

    def make(
        gallery: Gallery,
        *videos: Path,
        model: Callable[[], Any] = lambda: open_model("colour_histogram"),
    ) -> TestClient:
        app = FastAPI()
        app.state.server = Server(gallery, videos, model)
        app.include_router(router)
        app.add_exception_handler(StcaError, _stca_error)
        return TestClient(app, raise_server_exceptions=True)

    return make


@pytest.fixture
def client(gallery: Gallery, walkers: Path, make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(gallery, walkers / "videos")
