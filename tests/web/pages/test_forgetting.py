"""Forgetting from the page: what it says before, that it is done, and that nobody else is meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")

from asked_pages import PAGE, Pages
from html_document import Document
from made_gallery import vectors
from made_server import fill_gallery, served
from stca.linking.persons import name_person
from stca.web.media.cache import PICTURES


def fields_of(page: str) -> dict[str, object]:
    return {str(each["name"]): each["value"] for each in Document(page).all("input", type="hidden")}


def test_a_person_is_forgotten_once_it_is_confirmed(pages: Pages) -> None:
    state = pages.state
    name_person(state.gallery, 1, "Ann Example")
    keys = [each.key for each in state.snapshot().person(1).records]
    pages.get(f"/search?key={keys[0]}")
    link = next(
        str(each["href"])
        for each in Document(pages.get("/people/1")).all("a")
        if str(each.get("href", "")).startswith("/forget")
    )
    asked = pages.get(link)
    words = Document(asked).text
    assert "Forget Ann Example?" in words
    assert "5 sightings, with their vectors" in words
    assert "1 line of the audit log" in words
    assert len(state.gallery) == 30, "only asked"
    done = pages.post("/forget", fields_of(asked))
    assert done.status_code == 200
    assert "Forgotten" in Document(done.text).text
    assert len(state.gallery) == 25
    assert 1 not in state.snapshot().persons
    assert pages.client.get(f"/tracklets/{keys[0]}", headers=PAGE).status_code == 404
    log = (state.settings.folder / "audit.log").read_bytes()
    left = [b"".join(path.read_bytes() for path in state.settings.gallery.glob("gallery.sqlite*")), log]
    for secret in (*keys, "Ann Example"):
        assert all(secret.encode() not in data for data in left), secret
    entry = [each for each in state.audit.entries() if each["action"] == "forget"]
    assert [(each["who"], each["tracklets"]) for each in entry] == [("local", 5)]


def test_a_page_of_before_a_new_linking_forgets_nobody(pages: Pages) -> None:
    gallery = pages.state.gallery
    key = pages.state.snapshot().person(1).records[0].key
    sent = fields_of(pages.get(f"/forget?key={key}&whole=true"))
    other = next(each.key for each in gallery.records() if each.person == 2)
    gallery.set_persons({other: 1})
    assert pages.post("/forget", sent).status_code == 409
    assert len(gallery) == 30
    assert pages.post("/forget", sent | {"mark": "0"}).status_code == 409
    assert len(gallery) == 30


def test_one_sighting_is_forgotten_with_the_pictures_that_were_sent(pages: Pages, tmp_path: Path) -> None:
    folder = tmp_path / "crops" / "0001"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((64, 32, 3), 90, dtype=np.uint8)).save(folder / "1.jpg")
    record = next(iter(pages.state.gallery.records()))
    pages.state.gallery.add(
        [replace(record, key="door/0001", folder=folder, content="x")], vectors(1, seed=9)
    )
    PICTURES.clear()
    assert pages.client.get("/media/thumbnail/door/0001").status_code == 200
    assert len(PICTURES) == 1
    asked = pages.get("/forget?key=door/0001")
    assert "This is not erased" in Document(asked).text, "its folder has no side file, so it is not touched"
    assert str(tmp_path) not in asked, "where the server's files are is nobody's business"
    assert pages.post("/forget", fields_of(asked)).status_code == 200
    assert len(PICTURES) == 0
    assert len(pages.state.gallery) == 30


def test_viewers_forget_nothing_and_see_no_way_to(tmp_path: Path) -> None:
    folder = fill_gallery(tmp_path / "gallery")
    with served(folder, host="192.0.2.1", names=("testserver", "127.0.0.1")) as client:
        token = client.app.state.server.tokens.create("vera", "viewer")
        client.headers["authorization"] = f"Bearer {token}"
        pages = Pages(client)
        assert "/forget" not in pages.get("/people/1")
        pages.get("/forget?key=north/0000", status=403)
        assert pages.post("/forget", {"key": "north/0000", "mark": "0"}).status_code == 403
        assert len(pages.state.gallery) == 30
        assert "takes a token of an editor" in pages.get("/")
