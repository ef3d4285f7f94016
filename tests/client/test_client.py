"""The Python client: a method for every operation, and one kind of error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from made_server import LOCAL
from stca.client import Client, ServerError

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
METHODS: dict[str, Callable[[Client], object]] = {
    "GET /health": lambda client: client.health(),
    "GET /gallery": lambda client: client.gallery(),
    "GET /cameras": lambda client: client.cameras(),
    "GET /metrics": lambda client: client.metrics(),
    "GET /live": lambda client: client.live(),
    "GET /tracklets": lambda client: list(client.tracklets()),
    "GET /tracklets/{key}": lambda client: client.tracklet("{key}"),
    "DELETE /tracklets/{key}": lambda client: client.remove_tracklet("{key}"),
    "GET /persons": lambda client: list(client.persons()),
    "GET /persons/{number}": lambda client: client.person(7),
    "POST /search": lambda client: client.search(key="a"),
    "GET /searches": lambda client: list(client.saved_searches()),
    "POST /searches": lambda client: client.save_search("a", key="a"),
    "GET /searches/{number}": lambda client: client.saved_search(7),
    "DELETE /searches/{number}": lambda client: client.remove_saved_search(7),
    "GET /searches/{number}/new": lambda client: client.new_answers(7),
    "POST /searches/{number}/seen": lambda client: client.mark_seen(7, 1),
    "POST /forget": lambda client: client.forget("a"),
    "GET /corrections": lambda client: list(client.corrections()),
    "POST /corrections": lambda client: client.hide("a"),
    "GET /corrections/pairs.csv": lambda client: client.pairs(),
    "POST /corrections/{number}/undo": lambda client: client.undo(7),
    "POST /uploads": lambda client: client.upload(__file__),
    "GET /uploads/{identifier}": lambda client: client.get_upload("{identifier}"),
    "DELETE /uploads/{identifier}": lambda client: client.remove_upload("{identifier}"),
    "GET /videos": lambda client: client.videos(),
    "GET /jobs": lambda client: list(client.jobs()),
    "POST /jobs": lambda client: client.add_videos("a.mp4"),
    "POST /jobs/upload": lambda client: client.add_uploaded_videos(__file__),
    "GET /jobs/{number}": lambda client: client.job(7),
    "POST /jobs/{number}/pause": lambda client: client.pause_job(7),
    "POST /jobs/{number}/resume": lambda client: client.resume_job(7),
    "POST /jobs/{number}/cancel": lambda client: client.cancel_job(7),
    "GET /events": lambda client: next(client.events()),
    "GET /audit": lambda client: list(client.audit()),
    "GET /why/{key}": lambda client: client.why("{key}", "b"),
}


def test_every_operation_of_the_document_has_a_method() -> None:
    paths = DOCUMENT["paths"]
    operations = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path in paths
        if path.startswith("/api/v1/")
        for method in paths[path]
    }
    assert operations == METHODS.keys()


@pytest.mark.parametrize("operation", METHODS)
def test_a_method_asks_for_its_operation_and_raises_the_servers_error(operation: str) -> None:
    asked: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path.removeprefix('/api/v1')}")
        return httpx.Response(503, json={"title": "Busy"}, headers={"retry-after": "4"})

    client = Client(LOCAL, transport=httpx.MockTransport(refuse))
    with client, pytest.raises(ServerError, match="Busy") as caught:
        METHODS[operation](client)
    assert (caught.value.status, caught.value.retry_after) == (503, 4)
    assert asked == [operation.replace("{number}", "7")]


@pytest.mark.parametrize("operation", METHODS)
def test_a_server_that_is_not_there_is_one_kind_of_error(operation: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = Client(LOCAL, transport=httpx.MockTransport(fail))
    with client, pytest.raises(ServerError, match="cannot be reached") as caught:
        METHODS[operation](client)
    assert caught.value.status == 0


def test_events_that_break_off_are_that_error_too() -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'event: gallery\ndata: {"tracklets": 1}\n\n'
            raise httpx.RemoteProtocolError("closed")

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Broken()))
    with Client(LOCAL, transport=transport) as client:
        heard = client.events()
        assert next(heard) == ("gallery", {"tracklets": 1})
        with pytest.raises(ServerError, match="cannot be reached"):
            next(heard)
