"""Server-sent events: the present state first, then what changes; bounded in number."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from made_gallery import record
from made_server import fill_gallery, running, served
from stca.client import Client, ServerError
from stca.web.api import events
from stca.web.jobs import NewVideo


def request_of(app: Any) -> Request:
    return Request({"type": "http", "app": app, "method": "GET", "path": "/", "headers": []})


def test_a_listener_hears_of_new_answers_to_a_saved_search(tmp_path: Path) -> None:
    with running(fill_gallery(tmp_path / "gallery")) as (address, app), Client(address, timeout=20) as client:
        client.save_search("him", key="north/0000")
        heard = client.events()
        first = list(itertools.islice(heard, 2))
        assert [name for name, _ in first] == ["gallery", "answer"]
        before = first[1][1]
        gallery = app.state.server.gallery
        own = gallery.get("north/0000")
        assert own is not None
        gallery.add([record(900)], own[1][None])
        changed = dict(itertools.islice(heard, 2))
        assert changed["gallery"]["tracklets"] == first[0][1]["tracklets"] + 1
        assert changed["answer"]["answers"] == before["answers"] + 1
        assert changed["answer"]["best"]["tracklet"]["key"] == record(900).key
        heard.close()


def test_only_so_many_listen_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_STREAMS", 0)
    with running(fill_gallery(tmp_path / "gallery")) as (address, _), Client(address) as client:
        with pytest.raises(ServerError, match="Too many clients") as caught:
            next(client.events())
        assert (caught.value.status, caught.value.retry_after) == (503, 10)


def test_a_listener_that_leaves_makes_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_STREAMS", 1)
    with running(fill_gallery(tmp_path / "gallery")) as (address, app), Client(address, timeout=20) as client:
        heard = client.events()
        assert next(heard)[0] == "gallery"
        for _ in range(3):
            with pytest.raises(ServerError, match="Too many clients"):
                next(client.events())
        assert app.state.server.streams == 1
        heard.close()
        until = time.monotonic() + 20
        while app.state.server.streams and time.monotonic() < until:
            time.sleep(0.02)
        assert app.state.server.streams == 0
        again = client.events()
        assert next(again)[0] == "gallery"
        again.close()


def test_a_listener_that_leaves_before_the_first_line_is_counted_out(tmp_path: Path) -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def fail(message: object) -> None:
        raise OSError("gone")

    with served(fill_gallery(tmp_path / "gallery")) as client:
        state = client.app.state.server
        request = request_of(client.app)

        async def listen() -> None:
            answer = await events.events(request, state)
            assert state.streams == 1
            await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, gone, fail)

        with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the server raises)
            asyncio.run(listen())
        assert state.streams == 0


def test_only_jobs_that_changed_are_read_and_sent(tmp_path: Path) -> None:
    with served(fill_gallery(tmp_path / "gallery")) as client:
        state = client.app.state.server
        request = request_of(client.app)
        state.jobs._working.close()  # nothing but this test changes jobs
        state.jobs._working.closing = False
        first, second = (state.jobs.start([NewVideo(tmp_path / name)]).id for name in ("a.mp4", "b.mp4"))
        version, all_ = events._now(request, state, 0)
        assert [number for name, number, _ in all_ if name == "job"] == [first, second]
        state.jobs.pause(first)
        version, some = events._now(request, state, version)
        assert [(number, job["state"]) for name, number, job in some if name == "job"] == [(first, "paused")]
        assert not [each for each in events._now(request, state, version)[1] if each[0] == "job"]


def test_a_revoked_token_hears_no_more(tmp_path: Path) -> None:
    with running(fill_gallery(tmp_path / "gallery")) as (address, app):
        tokens = app.state.server.tokens
        with Client(address, token=tokens.create("vera", "viewer")) as client:
            heard = client.events()
            assert next(heard)[0] == "gallery"
            tokens.revoke("vera")
            assert list(heard) == []
