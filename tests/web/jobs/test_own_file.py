"""The server's own file: what is damaged in it breaks nothing else, and is named as what it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from made_server import fill_gallery, served
from stca.errors import GalleryError
from stca.web.app import create_app
from stca.web.jobs.store import JobStore
from stca.web.saved import SavedSearches
from stca.web.schemas import SearchRequest
from stca.web.settings import ServerSettings


@pytest.mark.parametrize("request_", ["{", "5", '{"k": "x"}', '{"key": "a", "new": 1}', b"\xff"])
def test_an_invalid_row_breaks_no_list_and_can_be_removed(tmp_path: Path, request_: str | bytes) -> None:
    with served(fill_gallery(tmp_path / "gallery")) as server:
        body = {"name": "a", "request": {"key": "north/0000"}}
        first, second = (server.post("/api/v1/searches", json=body).json()["id"] for _ in range(2))
        with closing(sqlite3.connect(tmp_path / "gallery" / "serve" / "serve.sqlite")) as db:
            db.execute("UPDATE searches SET request = CAST(? AS TEXT) WHERE id = ?", (request_, first))
            db.commit()
        listed = server.get("/api/v1/searches")
        assert [each["id"] for each in listed.json()["items"]] == [second]
        assert server.get("/saved", headers={"Accept": "text/html"}).status_code == 200
        damaged = server.get(f"/api/v1/searches/{first}")
        assert (damaged.status_code, damaged.json()["title"]) == (500, "A saved search is damaged")
        assert server.post("/api/v1/searches", json=body).status_code == 201
        assert server.delete(f"/api/v1/searches/{first}").status_code == 204
        assert server.delete(f"/api/v1/searches/{first}").status_code == 404


def test_a_damaged_file_is_named_as_the_servers(tmp_path: Path) -> None:
    (tmp_path / "serve.sqlite").write_bytes(b"no database" * 1000)
    for use in (lambda: JobStore(tmp_path), lambda: SavedSearches(tmp_path).all()):
        with pytest.raises(
            GalleryError, match=r"(?s)server's own file is damaged.*serve.sqlite.*move"
        ) as raised:
            use()
        assert "allery" not in str(raised.value)


def test_a_server_with_a_damaged_file_says_so_at_once(tmp_path: Path) -> None:
    folder = fill_gallery(tmp_path / "served")
    (folder / "serve").mkdir()
    (folder / "serve" / "serve.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(GalleryError, match="server's own file is damaged"):
        create_app(ServerSettings(folder))


def test_no_folder_is_made_for_a_gallery_that_is_gone(tmp_path: Path) -> None:
    saved = SavedSearches(tmp_path / "gone" / "serve")
    with pytest.raises(GalleryError, match="server's own file cannot be used"):
        saved.add("a", SearchRequest(key="north/0000"), author="ann", row=0)
    assert not (tmp_path / "gone").exists()
