"""Corrections over the interface: they take effect at once, are logged, exported, undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from made_server import client_of, fill_gallery, served
from stca.client import Client, ServerError


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with served(fill_gallery(tmp_path / "gallery")) as server, client_of(server) as ours:
        yield ours


def keys_of(client: Client, number: int) -> set[str]:
    return {each.key for each in client.person(number).sightings}


def test_a_name_is_shown_wherever_the_person_is(client: Client) -> None:
    made = client.name_person(1, "Ann")
    assert (made.kind, made.text, made.author) == ("name", "Ann", "local")
    assert client.person(1).person.name == "Ann"
    assert client.tracklet("north/0000").name == "Ann"
    client.undo(made.id)
    assert client.person(1).person.name is None


def test_two_persons_become_one_and_two_again(client: Client) -> None:
    first, second = keys_of(client, 1), keys_of(client, 2)
    made = client.merge_persons(1, 2)
    assert keys_of(client, 1) == first | second
    client.undo(made.id)
    assert (keys_of(client, 1), keys_of(client, 2)) == (first, second)


def test_a_tracklet_is_taken_out(client: Client) -> None:
    before = keys_of(client, 1)
    client.take_out("north/0000")
    assert keys_of(client, 1) == before - {"north/0000"}
    assert client.tracklet("north/0000").person not in (None, 1)


def test_some_tracklets_are_another_person(client: Client) -> None:
    some = sorted(keys_of(client, 3))[:2]
    client.split_person(some)
    (number,) = {client.tracklet(key).person for key in some}
    assert keys_of(client, number) == set(some)


def test_a_hidden_tracklet_is_neither_listed_nor_found(client: Client) -> None:
    client.hide("north/0000")
    assert "north/0000" not in {each.key for each in client.tracklets()}
    assert [each.key for each in client.tracklets(hidden=True)] == ["north/0000"]
    assert "north/0000" not in {hit.tracklet.key for hit in client.search(key="north/0006", k=200).hits}
    assert client.gallery().hidden == 1
    client.show("north/0000")
    assert client.gallery().hidden == 0


def test_verdicts_on_answers_are_shown_and_exported(client: Client) -> None:
    hits = client.search(key="north/0000", k=2).hits
    right, wrong = (hit.tracklet.key for hit in hits)
    client.judge("north/0000", right, same=True)
    client.judge("north/0000", wrong, same=False)
    judged = {hit.tracklet.key: hit.judged for hit in client.search(key="north/0000").hits}
    assert (judged.pop(right), judged.pop(wrong)) == ("same", "different")
    assert set(judged.values()) == {None}
    lines = client.pairs().splitlines()
    assert lines[0] == "key,other,same,time,author"
    pairs = {frozenset(line.split(",")[:2]): line.split(",")[2] for line in lines[1:]}
    assert pairs == {frozenset(("north/0000", right)): "1", frozenset(("north/0000", wrong)): "0"}


def test_the_log_is_newest_first_and_in_the_audit(client: Client) -> None:
    client.name_person(1, "Ann")
    client.hide("north/0000")
    assert [each.kind for each in client.corrections()] == ["hide", "name"]
    assert [entry["action"] for entry in client.audit()] == ["correct: hide", "correct: name"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "name", "person": 1}, "incomplete"),
        ({"kind": "name", "person": 1, "name": ""}, "name"),
        ({"kind": "name", "person": 1, "name": "a\nb"}, "name"),
        ({"kind": "name", "person": 99, "name": "a"}, "person"),
        ({"kind": "merge", "person": 1, "other_person": 1}, "person"),
        ({"kind": "merge", "person": 1, "name": "a"}, "other entries"),
        ({"kind": "split", "keys": []}, "incomplete"),
        ({"kind": "take out", "keys": ["north/none"]}, "north/none"),
        ({"kind": "same", "keys": ["north/0000"]}, "one tracklet"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(client: Client, content: dict, words: str) -> None:
    with pytest.raises(ServerError, match=words) as caught:
        client._correct(**content)
    assert caught.value.status in (404, 422)
    assert list(client.corrections()) == []


def test_an_undone_correction_cannot_be_undone_again(client: Client) -> None:
    made = client.hide("north/0000")
    client.undo(made.id)
    with pytest.raises(ServerError):
        client.undo(made.id)
    with pytest.raises(ServerError, match="no such correction"):
        client.undo(12345)


def numbered_anew(server: TestClient) -> None:
    """As `stca link` does: persons 1 and 2 change their numbers."""
    gallery = server.app.state.server.gallery
    turned = {1: 2, 2: 1}
    gallery.set_persons({each.key: turned.get(each.person, each.person) for each in gallery.records()})


def test_a_correction_that_means_a_person_of_before_is_refused(tmp_path: Path) -> None:
    with served(fill_gallery(tmp_path / "gallery")) as server, client_of(server) as client:
        first, second = (sorted(keys_of(client, number))[0] for number in (1, 2))
        numbered_anew(server)
        calls = (
            lambda: client.name_person(1, "Ann", key=first),
            lambda: client.merge_persons(1, 3, keys=(first, sorted(keys_of(client, 3))[0])),
            lambda: client.merge_persons(3, 1, keys=(sorted(keys_of(client, 3))[0], first)),
            lambda: client.name_person(1, "Ann", key="north/none"),
        )
        for call in calls:
            with pytest.raises(ServerError, match="numbered anew") as caught:
                call()
            assert caught.value.status == 409
        assert list(client.corrections()) == []
        client.name_person(1, "Ann", key=second)
        client.merge_persons(1, 2, keys=(second, first))
        assert {first, second} <= keys_of(client, 1)


def test_what_cannot_be_logged_is_not_done(tmp_path: Path) -> None:
    with served(fill_gallery(tmp_path / "gallery")) as server, client_of(server) as client:
        (tmp_path / "gallery" / "serve" / "audit.log").mkdir(parents=True)
        for change in (
            lambda: client.name_person(1, "Ann"),
            lambda: client.merge_persons(1, 2),
            lambda: client.hide("north/0000"),
            lambda: client.save_search("him", key="north/0000"),
            lambda: client.remove_tracklet("north/0000"),
        ):
            with pytest.raises(ServerError, match="audit log"):
                change()
        gallery = server.app.state.server.gallery
        assert gallery.corrections() == []
        assert gallery.get("north/0000") is not None
        assert list(client.saved_searches()) == []


def test_a_refused_correction_is_in_the_log_as_such(client: Client) -> None:
    with pytest.raises(ServerError):
        client.name_person(99, "Ann")
    assert [entry["action"] for entry in client.audit()] == ["refused: name", "correct: name"]
