"""The page of watched cameras, from what `stca watch` leaves on disk."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from asked_pages import Pages
from html_document import Document
from made_server import fill_gallery, served
from stca.watch.events import Event, Outbox
from stca.watch.events.outbox import Walking
from stca.watch.events.reading import STALE, read_live

PLAYING = {"state": "playing", "why": "", "dropped": 0}
LIKE = {"tracklet": "north/0000", "camera": "north", "last": "2026-01-31T10:00:00.000Z"}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "events.sqlite")
    yield made
    made.close()


@pytest.fixture
def watched(tmp_path: Path, outbox: Outbox) -> Iterator[Pages]:
    """Person 1, whom the gallery knows, and 99, whom it does not, at the door; the yard is lost."""
    now = time.time()
    lost = {"state": "lost", "why": "Connection refused", "dropped": 7}
    outbox.show_cameras({"yard": lost, "door": PLAYING})
    more = {"score": 0.91, "threshold": 0.6}
    alert = {**more, "wanted": "<thief>", "like": "north/0000", "false_accept_rate": 0.01}
    outbox.put(
        [
            Event("seen", now - 9, "door", "door/0001", 1, None, {"new": False}),
            Event("same_person_as", now - 9, "door", "door/0001", 1, None, {**more, "like": LIKE}),
            Event("alert", now - 8, "door", "door/0001", 1, None, {**alert, "calibrated": "labels"}),
            Event("seen", now - 5, "door", "door/0002", 99, None, {"new": True}),
            Event("lost", now - 4, "yard", "yard/0001", 98, None, {"reason": "left", "since": "x"}),
            Event(
                *("revised", now - 3, "yard", "yard/0001", 97, None),
                {"before": 98, "reason": "merged", "score": None, "into": None},
            ),
        ],
        walking={
            "door/0001": Walking("door/0001", "door", 1, now - 9, now),
            "door/0002": Walking("door/0002", "door", 99, now - 5, now),
            "yard/0001": Walking("yard/0001", "yard", 98, now - 9, now, lost=True),
        },
    )
    with served(fill_gallery(tmp_path / "gallery")) as client:
        yield Pages(client)


def test_where_nothing_is_watched_the_page_says_what_to_start(pages: Pages) -> None:
    page = pages.get("/live")
    assert "No camera is watched" in page
    assert "stca watch cameras.toml" in page
    assert pages.client.get("/api/v1/live").json() == {
        **{"watching": False, "seen": None, "cameras": [], "events": []},
    }


@pytest.mark.parametrize(
    "damaged",
    [
        {"kind": "danced"},
        {"time": "yesterday"},
        {"tracklet": ["door/0001"]},
        {"score": "high"},
        {"like": None},
        {"person": None},
        "[]",
        "[" * 100_000,
    ],
)
def test_an_event_that_is_damaged_is_left_out(watched: Pages, outbox: Outbox, damaged: object) -> None:
    before = watched.client.get("/api/v1/live").json()["events"]
    body = next(each for each in before if each["kind"] == "same_person_as")
    if isinstance(damaged, dict):
        damaged = json.dumps(body | {"id": "0" * 16 + "-9"} | damaged)
    with closing(sqlite3.connect(outbox.path)) as db:
        db.execute("INSERT INTO events (number, body) VALUES (1000, ?)", (damaged,))
        db.commit()
    assert watched.client.get("/api/v1/live").json()["events"] == before
    assert "Connection refused" in watched.get("/live")


def test_cameras_people_and_events(watched: Pages) -> None:
    text = watched.get("/live")
    page = Document(text)
    assert "Connection refused" in text
    assert "Lost, called again" in text
    assert "7 frames were left out" in text
    assert str(page.all("a", class_="tile-link")[0]["href"]).startswith("/people/1")
    for sentence in (
        *("Person 1 came to door", "Person 99, never seen before, came to door", "Person 98 left yard"),
        *("Person 1 at door looks like a sighting at north", "At yard: Person 97 after all, not Person 98"),
        "Person 1 at door may be who was asked for: &lt;thief&gt;",
    ):
        assert sentence in text, sentence
    assert text.index("Person 98 left") < text.index("Person 1 came"), "the latest first"
    part = watched.get("/live/now", hx_request="true")
    assert "<html" not in part
    assert "Person 99" in part


def test_the_interface_says_the_same(watched: Pages) -> None:
    found = watched.client.get("/api/v1/live", params={"events": 2}).json()
    assert found["watching"]
    assert [(each["name"], each["state"]) for each in found["cameras"]] == [
        *(("door", "playing"), ("yard", "lost")),
    ]
    assert [[each["person"] for each in camera["people"]] for camera in found["cameras"]] == [[99, 1], []]
    assert [each["kind"] for each in found["events"]] == ["revised", "lost"]
    assert watched.client.get("/api/v1/live", params={"events": -1}).status_code == 422


def test_when_the_watching_has_ended_nobody_is_there(watched: Pages, outbox: Outbox) -> None:
    outbox.show_cameras({})
    text = watched.get("/live")
    assert "Nobody watches now" in text
    assert "since" not in text
    assert "Person 98 left yard" in text, "what happened stays"


def test_a_watching_that_was_killed_is_noticed(outbox: Outbox) -> None:
    outbox.show_cameras({"door": PLAYING})
    now = time.time()
    for later, watching in ((0.0, True), (STALE + 5, False)):
        found = read_live(outbox.path, now=now + later)
        assert found is not None
        assert found.watching is watching


def test_a_damaged_file_is_said(tmp_path: Path, pages: Pages) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"no database" * 100)
    answer = pages.client.get("/api/v1/live")
    assert answer.status_code >= 400
    assert "Cannot read what is watched" in answer.text
    assert str(tmp_path) not in answer.text
