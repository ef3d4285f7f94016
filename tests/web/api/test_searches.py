"""Searches: as the gallery's own, with filters, verdicts and what people said; saved ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from made_gallery import record, slow_search, vectors
from made_server import PERSONS, ROWS, client_of, fill_gallery, served
from stca.client import Client, ServerError

VECTORS = vectors(ROWS, people=PERSONS)
TABLE = {record(n).key: (record(n), VECTORS[n]) for n in range(ROWS)}


def answers(result: object) -> list[str]:
    return [hit.tracklet.key for hit in result.hits]


def test_a_search_by_key_finds_what_a_slow_loop_finds(client: Client) -> None:
    result = client.search(key="north/0003", k=8)
    expected = slow_search(TABLE, VECTORS[3], 8, without="north/0003")
    assert answers(result) == [key for key, _ in expected]
    assert np.allclose([hit.score for hit in result.hits], [score for _, score in expected], atol=1e-5)
    assert [hit.rank for hit in result.hits] == list(range(1, 9))
    assert result.query.tracklet is not None
    assert result.query.tracklet.key == "north/0003"


def test_a_search_by_vector_needs_no_unit_length(client: Client) -> None:
    result = client.search(vector=[float(x) for x in 7 * VECTORS[5]], k=3)
    assert answers(result) == [key for key, _ in slow_search(TABLE, VECTORS[5], 3)]
    assert result.query.tracklet is None


@pytest.mark.parametrize(
    ("filters", "slow"),
    [
        ({"cameras": ["south"]}, {"cameras": ("south",)}),
        ({"from": 4.0, "to": 9.0}, {"time": (4.0, 9.0)}),
        ({"from": 20.0}, {"time": (20.0, np.inf)}),
        ({"to": 6.0, "cameras": ["yard", "north"]}, {"time": (-np.inf, 6.0), "cameras": ("yard", "north")}),
    ],
)
def test_filters_are_those_of_a_slow_loop(client: Client, filters: dict, slow: dict) -> None:
    result = client.search(key="south/0001", k=200, **filters)
    expected = slow_search(TABLE, VECTORS[1], 200, without="south/0001", **slow)
    assert answers(result) == [key for key, _ in expected]
    assert result.hits


def test_persons_can_be_chosen(client: Client) -> None:
    result = client.search(key="north/0000", k=200, persons=[2, 3], cameras=["south", "yard"])
    wanted = {key: row for n, (key, row) in enumerate(TABLE.items()) if 1 + n % PERSONS in (2, 3)}
    expected = slow_search(wanted, VECTORS[0], 200, cameras=("south", "yard"))
    assert answers(result) == [key for key, _ in expected]


def test_the_verdict_is_that_of_the_best_answer(client: Client) -> None:
    result = client.search(key="north/0000", k=200)
    assert result.threshold == 0.8
    assert [hit.accepted for hit in result.hits] == [hit.score >= 0.8 for hit in result.hits]
    assert result.verdict == ("somebody" if result.hits[0].accepted else "nobody")
    for verdict in ("accepted", "below"):
        some = client.search(key="north/0000", k=200, verdict=verdict)
        assert {hit.accepted for hit in some.hits} == {verdict == "accepted"}
    stranger = client.search(vector=[1.0] + [0.0] * 15)
    assert stranger.verdict == "nobody"


def test_without_a_threshold_nothing_is_said(tmp_path: Path) -> None:
    with served(fill_gallery(tmp_path / "g", calibrated=False)) as server, client_of(server) as client:
        result = client.search(key="north/0000")
        assert (result.verdict, result.threshold, result.hits[0].accepted) == ("unknown", None, None)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "one query"),
        ({"key": "north/0000", "vector": [1.0] * 16}, "one query"),
        ({"vector": [1.0] * 15}, "dimension"),
        ({"vector": [0.0] * 16}, "zero|direction|length"),
        ({"key": "north/0000", "from": 5, "to": 1}, "ends before"),
        ({"key": "north/0000", "box": [0, 0, 5, 5]}, "box is for an upload"),
        ({"key": "north/0000", "k": 0}, "invalid"),
        ({"key": "north/0000", "cheese": 1}, "invalid"),
        ({"key": "north/nobody"}, "no such tracklet"),
    ],
)
def test_a_search_that_cannot_be_answered_says_why(server: TestClient, request_: dict, words: str) -> None:
    answer = server.post("/api/v1/search", json=request_)
    assert answer.status_code in (404, 422), answer.text
    import re

    assert re.search(words, answer.text), answer.text


def test_every_search_is_in_the_log(client: Client) -> None:
    client.search(key="north/0000", cameras=["south"])
    client.search(vector=[1.0] * 16)
    by_vector, by_key = client.audit()
    assert by_key["action"] == by_vector["action"] == "search"
    assert (by_key["key"], by_key["cameras"]) == ("north/0000", ["south"])
    assert by_vector["vector"] == 16, "its length; a vector is somebody's likeness"


def test_saved_searches(client: Client) -> None:
    kept = client.save_search("the man in red", key="north/0000", cameras=["yard"], **{"from": 1.0})
    (found,) = client.saved_searches()
    assert found == kept == client.saved_search(kept.id)
    assert found.request.cameras == ["yard"]
    assert found.request.from_ == 1.0
    client.remove_saved_search(kept.id)
    assert list(client.saved_searches()) == []
    with pytest.raises(ServerError, match="Only a search for a tracklet"):
        client.save_search("a vector", vector=[1.0] * 16)
    with pytest.raises(ServerError, match="no such tracklet"):
        client.save_search("nobody", key="north/none")
