"""Tracklets, persons, cameras: complete, filtered, in pages that neither repeat nor skip."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from made_gallery import record, vectors
from made_server import PERSONS, ROWS
from stca.client import Client, ServerError


def test_what_the_gallery_holds(client: Client) -> None:
    info = client.gallery()
    assert (info.tracklets, info.persons, info.hidden, info.threshold) == (ROWS, PERSONS, 0, 0.8)
    assert [(camera.name, camera.tracklets) for camera in info.cameras] == [
        ("north", 10),
        ("south", 10),
        ("yard", 10),
    ]
    assert client.cameras() == info.cameras
    assert client.health().status == "ok"


def test_tracklets_come_newest_first_and_those_without_times_last(client: Client) -> None:
    found = list(client.tracklets())
    assert len({each.key for each in found}) == ROWS
    times = [each.last for each in found]
    known = [time for time in times if time is not None]
    assert times == sorted(known, reverse=True) + [None] * (ROWS - len(known))


def test_filters_are_those_of_a_slow_loop(client: Client) -> None:
    found = {
        each.key for each in client.tracklets(cameras=["north", "yard"], first=5, last=12, persons=[1, 2])
    }
    expected = set()
    for number in range(ROWS):
        each = record(number)
        seen = each.first is not None and each.first <= 12 and each.last >= 5
        if each.camera in ("north", "yard") and seen and 1 + number % PERSONS in (1, 2):
            expected.add(each.key)
    assert found == expected
    assert found, "or the test says nothing"


@pytest.mark.parametrize("limit", [1, 7, ROWS, 500])
def test_pages_neither_repeat_nor_skip(server: TestClient, limit: int) -> None:
    keys, cursor = [], None
    while True:
        page = server.get(
            "/api/v1/tracklets", params={"limit": limit, **({"cursor": cursor} if cursor else {})}
        )
        keys += [each["key"] for each in page.json()["items"]]
        assert page.json()["total"] == ROWS
        if (cursor := page.json()["next"]) is None:
            break
    assert len(keys) == len(set(keys)) == ROWS


def test_a_page_goes_on_where_it_was_although_rows_come_and_go(server: TestClient) -> None:
    first = server.get("/api/v1/tracklets", params={"limit": 10}).json()
    gallery = server.app.state.server.gallery
    gallery.remove(first["items"][0]["key"], first["items"][4]["key"])
    gallery.add([record(1000)], vectors(1, seed=9))
    second = server.get("/api/v1/tracklets", params={"limit": 500, "cursor": first["next"]}).json()
    before, after = ([each["key"] for each in page["items"]] for page in (first, second))
    assert not set(before) & set(after)
    assert len(after) == ROWS - 10


@pytest.mark.parametrize("cursor", ["x", "AAAA", "WzFd", "bnVsbA", "é", "WyJhIiwgMV0", "W1tbW1tbW1tb"])
def test_a_cursor_that_is_none_is_refused(server: TestClient, cursor: str) -> None:
    answer = server.get("/api/v1/tracklets", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["title"] == "This is no cursor"


def test_a_person_has_every_sighting_in_time_order(client: Client) -> None:
    detail = client.person(1)
    assert detail.person.tracklets == len(detail.sightings) == ROWS // PERSONS
    times = [each.first for each in detail.sightings if each.first is not None]
    assert times == sorted(times)
    assert {each.person for each in detail.sightings} == {1}
    assert {person.number for person in client.persons()} == set(range(1, PERSONS + 1))


def test_what_does_not_exist_is_said(client: Client) -> None:
    for ask in (
        lambda: client.tracklet("north/none"),
        lambda: client.person(99),
        lambda: client.saved_search(5),
        lambda: client.remove_tracklet("north/none"),
    ):
        with pytest.raises(ServerError, match="There is no such") as caught:
            ask()
        assert caught.value.status == 404


def test_a_removed_tracklet_is_gone_and_the_log_says_by_whom(client: Client) -> None:
    client.remove_tracklet("north/0000")
    assert "north/0000" not in {each.key for each in client.tracklets()}
    assert client.gallery().tracklets == ROWS - 1
    entry = next(client.audit())
    assert (entry["who"], entry["action"], entry["key"]) == ("local", "remove tracklet", "north/0000")


def test_errors_are_problem_details(server: TestClient) -> None:
    for path, status in (
        ("/api/v1/none", 404),
        ("/api/v1/tracklets?limit=0", 422),
        ("/api/v1/persons/x", 422),
    ):
        answer = server.get(path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.json()["instance"] == path.partition("?")[0]
    answer = server.put("/api/v1/gallery")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_figures_for_monitoring(client: Client) -> None:
    client.gallery()
    text = client.metrics()
    assert 'stca_gallery_tracklets{camera="north"} 10.0' in text
    assert 'stca_requests_total{method="GET",status="200"}' in text


def test_methods_that_clients_make_up_are_counted_as_one(server: TestClient, client: Client) -> None:
    for method in ("BREW", "WHEN"):
        server.request(method, "/api/v1/gallery")
    text = client.metrics()
    assert 'method="other"' in text
    assert not any(f'method="{method}"' in text for method in ("BREW", "WHEN"))
