"""A real Chromium, and a server of a gallery of people who walked past two cameras."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from street_gallery import street_gallery

for needed in ("fastapi", "uvicorn", "av", "trackers"):
    pytest.importorskip(needed)
playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)
PATIENCE = 30_000
"""Milliseconds that a page may take on a busy machine."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with each file: as long as it is open, Playwright's event loop runs, and tests can start no other."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium: apt install chromium")
    with playwright.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@dataclass
class Site:
    """A served gallery.

    Args:
        url: of its pages.
        folder: of the gallery.
        videos: folder of its videos.

    """

    url: str
    folder: Path
    videos: Path
    state: Any = field(repr=False)

    def keys(self, camera: str = "") -> list[str]:
        return [r.key for r in self.state.gallery.records() if r.camera.startswith(camera)]

    def persons(self) -> dict[int, list[str]]:
        return {n: [r.key for r in p.records] for n, p in self.state.snapshot().persons.items()}


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path, Path], Site]]:
    """Starts servers; they end with the tests."""
    import uvicorn

    from stca.web.app import create_app
    from stca.web.settings import ServerSettings

    running: list[tuple[Any, threading.Thread]] = []

    def start(folder: Path, videos: Path) -> Site:
        app = create_app(ServerSettings(folder, videos=(videos,)))
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        until = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        return Site(f"http://127.0.0.1:{port}", folder, videos, app.state.server)

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def site(serve: Callable[[Path, Path], Site], tmp_path_factory: pytest.TempPathFactory) -> Site:
    return serve(*street_gallery(tmp_path_factory.mktemp("site")))


class Faults(list[str]):
    """What must not be in any page: messages of errors, requests to another host."""

    def watch(self, page: Page, url: str) -> None:
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on(
            "request",
            lambda sent: None if sent.url.startswith((url, "data:", "blob:")) else self.append(sent.url),
        )


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def open_page(browser: Browser, site: Site, faults: Faults) -> Iterator[Callable[..., Page]]:
    """Opens a page in a window of its own; in the end there must be no fault."""
    contexts: list[BrowserContext] = []

    def make(address: str = "/", *, at: Site = site, width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(base_url=at.url, viewport={"width": width, "height": 860}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        faults.watch(page, at.url)
        page.goto(address)
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []
