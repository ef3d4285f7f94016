"""Bodies of JSON: numbers are numbers, text is text, boxes are of this world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from made_gallery import DIM
from made_server import fill_gallery, served

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(fill_gallery(tmp_path_factory.mktemp("bodies") / "gallery")) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("search", r'{"upload": "\ud800"}'),
        ("search", r'{"key": "north/\udfff"}'),
        ("search", r'{"key": "north/0000", "cameras": ["a\ud83d"]}'),
        ("search", r'{"key": "north/0000", "\ud800": 1}'),
        ("search", r'{"frame": {"camera": "\ud800", "frame": 1, "box": [0, 0, 1, 1]}}'),
        ("searches", r'{"name": "\ud800", "request": {"key": "north/0000"}}'),
        ("searches", r'{"name": "a", "request": {"key": "\ud800"}}'),
        ("corrections", r'{"kind": "hide", "keys": ["\ud800"]}'),
        ("corrections", r'{"kind": "name", "person": 1, "name": "\ud800"}'),
        ("jobs", r'{"videos": ["\ud800"]}'),
    ],
)
def test_half_a_character_is_refused(server: TestClient, path: str, body: str) -> None:
    answer = server.post(f"/api/v1/{path}", content=body.encode(), headers=JSON)
    assert (answer.status_code, answer.json()["title"]) == (422, "The request is invalid")


def test_a_whole_character_as_two_escapes_is_none_that_is_refused(server: TestClient) -> None:
    body = rb'{"name": "\ud83d\ude00", "request": {"key": "north/0000"}}'
    answer = server.post("/api/v1/searches", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["name"]) == (201, "\N{GRINNING FACE}")


@pytest.mark.parametrize("wrong", [True, "1"])
@pytest.mark.parametrize(
    ("path", "body", "entry"),
    [
        ("search", {"key": "north/0000"}, "k"),
        ("search", {"key": "north/0000"}, "image"),
        ("search", {"key": "north/0000"}, "from"),
        ("search", {"key": "north/0000"}, "to"),
        ("jobs", {"videos": ["a"]}, "start"),
        ("corrections", {"kind": "name", "name": "Ann"}, "person"),
        ("corrections", {"kind": "merge", "person": 1}, "other_person"),
    ],
)
def test_a_number_is_a_number(server: TestClient, path: str, body: dict, entry: str, wrong: object) -> None:
    answer = server.post(f"/api/v1/{path}", json=body | {entry: wrong})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == f"body.{entry}"


@pytest.mark.parametrize("wrong", [True, "1"])
@pytest.mark.parametrize(
    "body",
    [
        lambda wrong: {"vector": [wrong] + [0.0] * (DIM - 1)},
        lambda wrong: {"key": "north/0000", "persons": [wrong]},
        lambda wrong: {"frame": {"camera": "door", "frame": wrong, "box": [0, 0, 9, 9]}},
        lambda wrong: {"frame": {"camera": "door", "frame": 1, "box": [wrong, 0, 9, 9]}},
        lambda wrong: {"upload": "x", "box": [0, wrong, 9, 9]},
    ],
)
def test_a_number_in_a_list_is_a_number(server: TestClient, body: object, wrong: object) -> None:
    assert server.post("/api/v1/search", json=body(wrong)).json()["title"] == "The request is invalid"


def test_whole_numbers_are_real_ones_too(server: TestClient) -> None:
    answer = server.post("/api/v1/search", json={"vector": [1] + [0] * (DIM - 1), "from": 0, "to": 100})
    assert answer.status_code == 200


@pytest.mark.parametrize("box", ["[1e7, 0, 9, 9]", "[0, 0, -1e7, 9]", "[0, 0, 1e999, 9]", "[NaN, 0, 9, 9]"])
def test_a_box_far_from_any_picture_is_refused(server: TestClient, box: str) -> None:
    for body in (
        f'{{"upload": "x", "box": {box}}}',
        f'{{"frame": {{"camera": "a", "frame": 1, "box": {box}}}}}',
    ):
        answer = server.post("/api/v1/search", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["title"]) == (422, "The request is invalid")


@pytest.mark.parametrize("name", ["", "  ", " a", "a\nb", "a\x1b[2J", "a\u202eb", "a" * 101])
def test_a_saved_search_has_a_name_as_persons_have(server: TestClient, name: str) -> None:
    body = {"name": name, "request": {"key": "north/0000"}}
    assert server.post("/api/v1/searches", json=body).status_code == 422
    if name.strip() not in ("a", "a" * 101):
        form = {"name": name, "query": "key=north/0000"}
        assert server.post("/saved", data=form, follow_redirects=False).status_code == 422


def test_addresses_of_pages_are_text_and_still_searches(server: TestClient) -> None:
    page = server.get("/search?key=north/0000&k=24&from=0&to=100&persons=1", headers={"Accept": "text/html"})
    assert page.status_code == 200
