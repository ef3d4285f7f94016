"""Server-sent events: the present state first, then what changes; bounded in number."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from made_gallery import record
from made_server import fill_gallery, running
from stca.client import Client, ServerError
from stca.web.api import events


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
