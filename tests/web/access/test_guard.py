"""Who may do what: every route, without a token and with each role; other sites' pages; other names."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.testclient import TestClient

from made_server import fill_gallery, served
from stca.web.access.guard import Guard, required_role
from stca.web.access.tokens import Tokens
from stca.web.uploads import RateLimit

PUBLIC = {"/login", "/logout", "/static", "/api/v1/health", "/favicon.ico"}
"""What anybody may ask; /logout only forgets the cookie of who asks."""


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """A server on a network, and the tokens of a viewer and an editor."""
    folder = fill_gallery(tmp_path_factory.mktemp("guard") / "gallery")
    with served(folder, host="192.0.2.1", names=("testserver",)) as client:
        tokens = client.app.state.server.tokens
        yield client, {"viewer": tokens.create("vera", "viewer"), "editor": tokens.create("ed", "editor")}


def routes(server: TestClient) -> list[tuple[str, str]]:
    """(method, path) of every route, with something in place of its parameters."""
    found = []
    for route in iter_route_contexts(server.app.routes):
        if isinstance(route.original_route, Mount):
            found.append(("GET", f"{route.path}/x"))
            continue
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: "north/0000" if m[2] else "1", route.path)
        found += [(method, path) for method in sorted(route.methods or ())]
    return found


def test_there_is_something_to_walk(open_server: tuple[TestClient, dict[str, str]]) -> None:
    found = routes(open_server[0])
    assert ("POST", "/api/v1/search") in found
    assert ("DELETE", "/api/v1/tracklets/north/0000") in found
    assert ("GET", "/api/v1/events") in found


def test_no_route_answers_without_a_token(open_server: tuple[TestClient, dict[str, str]]) -> None:
    server, _ = open_server
    for method, path in routes(server):
        if any(path == public or path.startswith(public + "/") for public in PUBLIC):
            continue
        assert server.request(method, path).status_code == 401, (method, path)


def test_no_route_answers_with_a_wrong_token(open_server: tuple[TestClient, dict[str, str]]) -> None:
    server, tokens = open_server
    for wrong in ("x", tokens["editor"][:-1], tokens["editor"] + "a", ""):
        for headers in ({"Authorization": f"Bearer {wrong}"}, {"Cookie": f"stca_token={wrong}"}):
            assert server.get("/api/v1/gallery", headers=headers).status_code == 401, headers


def test_viewers_change_nothing(open_server: tuple[TestClient, dict[str, str]]) -> None:
    server, tokens = open_server
    headers = {"Authorization": f"Bearer {tokens['viewer']}"}
    before = len(server.app.state.server.gallery)
    for method, path in routes(server):
        role = required_role(method, path)
        if role != "editor":
            continue
        assert server.request(method, path, headers=headers, json={}).status_code == 403, (method, path)
    assert len(server.app.state.server.gallery) == before
    answer = server.post("/api/v1/search", json={"key": "north/0000"}, headers=headers)
    assert answer.status_code == 200, "viewers may search"
    assert server.get("/api/v1/audit", headers=headers).status_code == 403, "but not read who searched"


def test_a_line_feed_behind_an_address_opens_nothing(open_server: tuple[TestClient, dict[str, str]]) -> None:
    server, tokens = open_server
    headers = {"Authorization": f"Bearer {tokens['viewer']}"}
    for method, path in routes(server):
        if not path.startswith("/static/"):
            assert server.request(method, f"{path}%0a", headers=headers).status_code in (403, 404), path


def test_what_only_reads_is_for_viewers_and_the_rest_for_editors(
    open_server: tuple[TestClient, dict[str, str]],
) -> None:
    for method, path in routes(open_server[0]):
        role = required_role(method, path)
        if method in ("GET", "HEAD"):
            assert role in (None, "viewer") or path in ("/api/v1/audit", "/forget"), (method, path)
        elif path not in ("/login", "/logout", "/api/v1/search"):
            assert role == "editor", (method, path)


def test_a_token_in_a_cookie_counts_too(open_server: tuple[TestClient, dict[str, str]]) -> None:
    server, tokens = open_server
    found = server.get("/api/v1/gallery", headers={"Cookie": f"a=b; stca_token={tokens['viewer']}"})
    assert found.status_code == 200


def test_a_revoked_token_no_longer_counts(open_server: tuple[TestClient, dict[str, str]]) -> None:
    server, _ = open_server
    tokens = server.app.state.server.tokens
    headers = {"Authorization": f"Bearer {tokens.create('gone', 'editor')}"}
    assert server.get("/api/v1/gallery", headers=headers).status_code == 200
    tokens.revoke("gone")
    assert server.get("/api/v1/gallery", headers=headers).status_code == 401


@pytest.fixture(scope="module")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server on loopback."""
    with served(fill_gallery(tmp_path_factory.mktemp("local") / "gallery")) as client:
        yield client


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8000", True),
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8000", False),
        ("127.0.0.1@evil.example", False),
        ("[::1", False),
        ("evil@localhost", False),
        ("localhost@localhost", False),
        ("localhost/x", False),
        ("localhost?", False),
        ("localhost#", False),
        ("localhost:x", False),
        ("localhost:1@localhost", False),
        ("localhost\\@evil.example", False),
        ("localhost..", False),
        ("", False),
    ],
)
def test_another_name_for_this_machine_is_refused(local_server: TestClient, host: str, answers: bool) -> None:
    status = local_server.get("/api/v1/gallery", headers={"Host": host}).status_code
    assert status == (200 if answers else 421)


@pytest.mark.parametrize(
    ("headers", "answers"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:9999"}, False),
        ({"Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_another_sites_page_cannot_change_anything(
    local_server: TestClient, headers: dict[str, str], answers: bool
) -> None:
    body = {"key": "north/0000"}
    status = local_server.post("/api/v1/search", json=body, headers=headers).status_code
    assert status == (200 if answers else 403)


def test_every_answer_carries_what_keeps_a_page_to_itself(local_server: TestClient) -> None:
    for path in ("/api/v1/gallery", "/api/v1/nothing", "/nothing"):
        headers = local_server.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_too_many_requests_of_one_client_are_refused(tmp_path: Path) -> None:
    guard = Guard(
        PlainTextResponse("ok"),
        tokens=Tokens(tmp_path / "tokens.json"),
        hosts=frozenset({"127.0.0.1"}),
        local=True,
        rate=RateLimit(0.5, 3, clock=lambda: 0.0),
    )
    client = TestClient(guard, base_url="http://127.0.0.1")
    assert [client.get("/api/v1/health").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/api/v1/gallery")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert refused.json()["title"] == "Too many requests"
    assert client.get("/static/page.css").status_code == 200, "files of the pages are free"


@pytest.mark.parametrize(
    "damaged",
    [
        b"[]",
        b"{",
        b"5",
        b'{"tokens": 5}',
        b'{"tokens": ["x"]}',
        b'{"tokens": [null]}',
        b'{"tokens": null}',
        '{"tokens": [{"name": "x", "role": "viewer", "digest": "é", "created": 0}]}'.encode(),
        b'{"tokens": [{"name": "x", "role": "viewer", "digest": null, "created": 0}]}',
        b'{"tokens": [{"name": 1, "role": "viewer", "digest": "' + b"0" * 64 + b'", "created": 0}]}',
        b'{"tokens": [{"name": "x", "role": ["viewer"], "digest": "' + b"0" * 64 + b'", "created": 0}]}',
        b"\xff\xfe",
        b"[" * 99999,
    ],
)
@pytest.mark.parametrize("local", [True, False])
def test_a_damaged_file_of_tokens_lets_nobody_in(tmp_path: Path, damaged: bytes, local: bool) -> None:
    (tmp_path / "tokens.json").write_bytes(damaged)
    guard = Guard(
        PlainTextResponse("ok"),
        tokens=Tokens(tmp_path / "tokens.json"),
        hosts=frozenset({"127.0.0.1"}),
        local=local,
    )
    client = TestClient(guard, base_url="http://127.0.0.1")
    for headers in ({}, {"Authorization": "Bearer x"}, {"Cookie": "stca_token=x"}):
        for path in ("/api/v1/gallery", "/api/v1/health", "/"):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 503
            assert answer.json()["title"] == "The file of tokens is damaged"
            assert answer.json()["hint"] == "remove it, and make new ones"
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 503


def test_a_damaged_file_of_tokens_is_a_page_for_people(tmp_path: Path) -> None:
    with served(fill_gallery(tmp_path / "gallery")) as server:
        (tmp_path / "gallery" / "serve" / "tokens.json").write_text("[]")
        page = server.get("/", headers={"Accept": "text/html", "Cookie": "stca_token=x"})
        assert page.status_code == 503
        assert page.headers["content-type"].startswith("text/html")
        assert "The file of tokens is damaged" in page.text
