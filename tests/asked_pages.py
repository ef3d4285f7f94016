"""Asks a served gallery for its pages, as a browser does."""

from __future__ import annotations

from typing import Any

PAGE = {"accept": "text/html"}


class Pages:
    """Asks for pages as a browser does."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.state = client.app.state.server

    def get(self, address: str, *, status: int = 200, **headers: str) -> str:
        found = self.client.get(address, headers=PAGE | {k.replace("_", "-"): v for k, v in headers.items()})
        assert found.status_code == status, (address, found.text[:600])
        return found.text

    def post(self, address: str, data: dict[str, Any] | None = None, **headers: str) -> Any:
        sent = PAGE | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.post(address, data=data or {}, headers=sent, follow_redirects=False)
