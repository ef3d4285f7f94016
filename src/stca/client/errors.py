"""Errors of a server, as problem details (RFC 9457) say them."""

from __future__ import annotations

from typing import Any

import httpx

from stca.errors import StcaError


class ServerError(StcaError):
    """A request that the server refused, or could not answer.

    Args:
        what: the problem's title.
        status: HTTP status; 0 where no server answered.
        retry_after: seconds after which the request may be sent again; None: not said.
        others: as of `StcaError`.

    """

    def __init__(self, what: str, *, status: int, retry_after: float | None = None, **others: Any) -> None:
        super().__init__(what, **others)
        self.status, self.retry_after = status, retry_after


def raise_for_problem(response: httpx.Response) -> None:
    """Raise ServerError unless the response is a success."""
    if response.is_success:
        return
    try:
        content = response.json()
        if not isinstance(content, dict):
            content = {}
    except ValueError:
        content = {}
    details = [str(content["detail"])] if "detail" in content else []
    details += [f"{each.get('where')}: {each.get('what')}" for each in content.get("errors", [])]
    try:
        retry = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        retry = None
    raise ServerError(
        str(content.get("title", response.reason_phrase)),
        status=response.status_code,
        retry_after=retry,
        found="; ".join(details) or None,
        where=str(response.request.url.copy_with(query=None)),
        hint=content.get("hint"),
    )
