"""Pages of a small gallery of made-up vectors, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from asked_pages import Pages
from made_server import fill_gallery, served


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with served(fill_gallery(tmp_path / "gallery")) as client:
        yield Pages(client)
