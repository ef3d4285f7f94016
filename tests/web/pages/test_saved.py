"""New answers to saved searches, and how old the threshold is."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")

from asked_pages import Pages
from html_document import Document
from made_gallery import record
from stca.gallery import Gallery


def test_new_answers_are_shown_until_they_were_looked_through(pages: Pages) -> None:
    gallery = pages.state.gallery
    key = next(iter(gallery.records())).key
    made = pages.post("/saved", {"name": "the thief", "query": f"key={key}"})
    assert made.status_code == 303
    assert "new answer" not in pages.get("/saved")
    row = gallery.get(key)
    assert row is not None
    gallery.add([record(100), record(101)], np.stack([row[1], -row[1]]))
    page = Document(pages.get("/saved"))
    assert "1 new answer" in page.text, "the other one is below the threshold"
    links = [str(each.get("href")) for each in page.all("a")]
    assert f"/tracklets/{record(100).key}?query={key}" in links
    shown = next(str(each["value"]) for each in page.all("input", name="row"))
    gallery.add([record(102)], row[1][None])  # comes while somebody reads the page
    assert pages.post("/saved/1/seen", {"row": shown}).status_code == 303
    page = Document(pages.get("/saved"))
    assert "1 new answer" in page.text
    assert f"/tracklets/{record(102).key}?query={key}" in [str(each.get("href")) for each in page.all("a")]
    pages.post("/saved/1/seen", {"row": 2**62})
    assert "new answer" not in pages.get("/saved")
    gallery.add([record(103)], row[1][None])
    assert "1 new answer" in pages.get("/saved"), "no number hides what comes later"
    actions = [each["action"] for each in pages.state.audit.entries()]
    assert "see new answers" in actions
    assert "look through answers" in actions
    assert pages.post("/saved/7/seen", {"row": 1}).status_code == 404


def test_the_threshold_has_an_age(pages: Pages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "Threshold of today" in pages.get("/gallery")
    found = pages.client.get("/api/v1/gallery").json()["calibrated"]
    assert 0 <= time.time() - found < 86400
    later = time.time() + 3.2 * 86400
    monkeypatch.setattr("stca.web.pages.shown.words.time.time", lambda: later)
    assert "Threshold of 3 days ago" in pages.get("/gallery")
    with Gallery.open(tmp_path / "gallery") as gallery:
        text = gallery.store.meta("calibration")
        assert text is not None
        gallery.store.set_meta("calibration", text.replace("0.8", "0.7"))  # as an earlier version does
    assert "Threshold of" not in pages.get("/gallery"), "not known is not said"
