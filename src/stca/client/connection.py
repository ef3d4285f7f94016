"""The connection to a server: requests, pages, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from stca.client.errors import ServerError, raise_for_problem
from stca.web import schemas

Model = TypeVar("Model", bound=schemas.Model)
API = "/api/v1"


class Connection:
    """Requests of one server.

    Args:
        address: of the server, without a path.
        token: None on the server's own machine.
        timeout: seconds without any answer.
        transport: of httpx, for tests.

    """

    def __init__(
        self, address: str, *, token: str | None, timeout: float, transport: httpx.BaseTransport | None
    ) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout, transport=transport)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _get(self, kind: type[Model], path: str) -> Model:
        return kind.model_validate(self._request("GET", path).json())

    def _post(self, kind: type[Model], path: str, content: schemas.Model) -> Model:
        body = content.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return kind.model_validate(self._request("POST", path, json=body).json())

    def _pages(self, kind: Callable[..., Any], path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            asked = {**query, **({} if cursor is None else {"cursor": cursor})}
            page = kind(**self._request("GET", path, params=asked).json())
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._send(method, API + path, **options)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._transport_errors():
            response = self._http.request(method, path, **options)
        raise_for_problem(response)
        return response

    @contextmanager
    def _transport_errors(self) -> Iterator[None]:
        """Raise errors of the connection as ServerErrors of status 0."""
        try:
            yield
        except httpx.RequestError as error:
            raise ServerError(
                "The server cannot be reached",
                status=0,
                found=str(error) or type(error).__name__,
                where=str(self._http.base_url),
                hint="does `stca serve` run there?",
            ) from error
