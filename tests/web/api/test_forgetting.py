"""Forgetting, and new answers to saved searches, as programs ask for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from kept_gallery import make_gallery
from made_gallery import record
from made_server import served
from stca.client import Client, ServerError
from stca.web import schemas


def test_a_person_is_forgotten_with_the_name(server: TestClient, client: Client) -> None:
    state = server.app.state.server
    keys = [each.key for each in client.person(1).sightings]
    client.name_person(1, "Ann Example", key=keys[0])
    client.save_search("ann", key=keys[0])
    asked = client.forget_person(1, keys, dry_run=True)
    assert (set(asked.keys), asked.corrections, asked.searches) == (set(keys), 1, 1)
    assert asked.audit_lines == 2
    assert len(state.gallery) == 30, "only asked"
    done = client.forget_person(1, keys)
    assert (done.keys, done.searches) == (asked.keys, 1)
    assert len(state.gallery) == 30 - len(keys)
    log = (state.settings.folder / "audit.log").read_bytes()
    left = [b"".join(path.read_bytes() for path in state.settings.gallery.glob("gallery.sqlite*")), log]
    for secret in (*keys, "Ann Example"):
        assert all(secret.encode() not in data for data in left), secret
    with pytest.raises(ServerError, match="no such tracklet"):
        client.forget(keys[0])


def test_a_person_who_has_others_by_now_is_not_forgotten(server: TestClient, client: Client) -> None:
    gallery = server.app.state.server.gallery
    keys = [each.key for each in client.person(1).sightings]
    other = client.person(2).sightings[0].key
    gallery.set_persons({other: 1})
    for given in (keys, [other]):
        with pytest.raises(ServerError) as caught:
            client.forget_person(1, given)
        assert caught.value.status == 409
    assert len(gallery) == 30
    assert client.forget(*keys).keys == keys, "what is named is what is meant"
    assert len(gallery) == 30 - len(keys)


def test_what_cannot_be_erased_is_in_every_answer_until_it_is(tmp_path: Path) -> None:
    make_gallery(tmp_path).close()
    key, other, third = "cam1/0004", "cam1/0005", "cam2/0001"
    (tmp_path / "tracks" / key / "note.txt").write_text("mine")
    (tmp_path / "gallery" / "index.faiss").write_bytes(b"codes")
    with served(tmp_path / "gallery") as server:
        answers = [server.post("/api/v1/forget", json={"keys": [each]}).json() for each in (key, other)]
        (tmp_path / "tracks" / key / "note.txt").unlink()
        last = server.post("/api/v1/forget", json={"keys": [third]}).json()
    for answer in answers:
        (left,) = answer["tried_again"]
        assert "it also holds note.txt" in left
        assert left in answer["left"]
        assert str(tmp_path) not in left
    assert [answer["index_files"] for answer in answers] == [1, 0]
    assert (last["tried_again"], last["left"]) == ([], [])
    assert not (tmp_path / "tracks" / key).exists()


def test_new_answers_until_they_were_looked_through(server: TestClient, client: Client) -> None:
    gallery = server.app.state.server.gallery
    key = next(iter(gallery.records())).key
    number = client.save_search("the thief", key=key).id
    assert client.new_answers(number).hits == []
    row = gallery.get(key)
    assert row is not None
    gallery.add([record(100), record(101)], np.stack([row[1], -row[1]]))
    found = client.new_answers(number)
    assert [hit.tracklet.key for hit in found.hits] == [record(100).key], "the other is below the threshold"
    gallery.add([record(102)], row[1][None])  # comes meanwhile
    client.mark_seen(number, found.row)
    assert [hit.tracklet.key for hit in client.new_answers(number).hits] == [record(102).key]
    client.mark_seen(number, 2**62)
    assert client.new_answers(number).hits == []
    for ask in (client.new_answers, lambda number: client.mark_seen(number, 1)):
        with pytest.raises(ServerError) as caught:
            ask(99)
        assert caught.value.status == 404
    gallery.remove(key)
    with pytest.raises(ServerError, match="no such tracklet"):
        client.new_answers(number)


@pytest.mark.parametrize(
    "more",
    [{"upload": "x"}, {"vector": [1.0, 2.0]}, {"box": [1, 1, 5, 5]}, {"from": 10, "to": 1}],
    ids=["upload", "vector", "box", "times"],
)
def test_a_search_that_cannot_be_answered_is_not_kept(
    server: TestClient, client: Client, more: dict[str, object]
) -> None:
    state = server.app.state.server
    key = next(iter(state.gallery.records())).key
    good = client.save_search("good", key=key).id
    given = {"name": "bad", "request": {"key": key, **more}}
    assert server.post("/api/v1/searches", json=given).status_code == 422
    kept = schemas.SearchRequest.model_validate(given["request"])  # as earlier versions kept it
    bad = state.saved.add("bad", kept, author="local", row=0).id
    assert client.new_answers(good).hits == []
    assert client.new_answers(bad).hits == []
    assert server.get("/saved").status_code == 200


def test_forgetting_the_same_at_once(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    first, second = [record.key for record in gallery.records()][:2]
    gallery.close()
    with served(tmp_path / "gallery") as server, ThreadPoolExecutor(4) as pool:
        asked = [[first], [first], [second], [first, second]]
        answers = list(pool.map(lambda keys: server.post("/api/v1/forget", json={"keys": keys}), asked))
        codes = [each.status_code for each in answers]
        assert set(codes) <= {200, 404}, [each.text for each in answers]
        erased = [key for each in answers if each.status_code == 200 for key in each.json()["keys"]]
        assert sorted(erased) == sorted([first, second]), "each once"
        assert all(each.json()["left"] == [] for each in answers if each.status_code == 200)
        assert len(server.app.state.server.gallery) == 10
