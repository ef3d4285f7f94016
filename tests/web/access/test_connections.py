"""Who connects and sends nothing, or sends slowly, keeps nobody else from the server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from made_server import fill_gallery, running
from stca.web.access import connections, guard
from stca.web.server import address_of

HALF = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
SLOW_BODY = (
    b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: 50\r\n\r\n{"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(fill_gallery(tmp_path_factory.mktemp("connections") / "gallery")) as (address, _):
        yield address


def connect(address: str, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), timeout=20)
    made.sendall(sent)
    return made


def test_many_half_sent_heads_keep_nobody_out(address: str) -> None:
    with ExitStack() as stack:
        for _ in range(205):
            stack.enter_context(connect(address, HALF))
        for _ in range(3):
            assert httpx.get(f"{address}/api/v1/health").status_code == 200


def test_who_asks_now_and_then_is_answered_among_many_that_wait(address: str) -> None:
    with httpx.Client(base_url=address) as client, ExitStack() as stack:
        for _ in range(5):
            for _ in range(50):
                stack.enter_context(connect(address, HALF))
            assert client.get("/api/v1/gallery").status_code == 200


@pytest.mark.parametrize("sent", [b"", HALF, b"next"])
def test_a_head_that_does_not_come_ends_the_connection(
    address: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with connect(address) as made:
        made.settimeout(4)
        if sent == b"next":  # after a request that was answered
            made.sendall(HALF + b"x\r\n\r\n")
            assert made.recv(65536).startswith(b"HTTP/1.1 200")
        made.sendall(sent)
        try:
            while made.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert httpx.get(f"{address}/api/v1/health").status_code == 200


@pytest.mark.parametrize("kind", [b"application/json", b"multipart/form-data; boundary=a"])
def test_a_body_that_does_not_come_is_no_longer_waited_for(
    address: str, monkeypatch: pytest.MonkeyPatch, kind: bytes
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.3)
    with connect(address, SLOW_BODY % kind) as made:
        made.settimeout(10)
        answer = b""
        while part := made.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("cellar.example", "http://cellar.example:80"),
    ],
)
def test_the_address_that_is_printed_is_one_that_the_guard_lets_in(host: str, expected: str) -> None:
    from stca.web.app import _hosts
    from stca.web.settings import ServerSettings

    found = address_of(host, 80)
    assert found == expected
    assert urlsplit(found).hostname in _hosts(ServerSettings(Path("gallery"), host=host))


def test_who_serves_every_network_is_told_how_others_ask(capsys: pytest.CaptureFixture[str]) -> None:
    address_of("0.0.0.0", 80)
    assert "--name HOST" in capsys.readouterr().err
