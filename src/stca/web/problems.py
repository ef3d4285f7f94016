"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from stca.errors import ConfigError, DatasetError, FrameError, GalleryError, StcaError

MEDIA_TYPE = "application/problem+json"


class WebError(StcaError):
    """A request that cannot be answered.

    Args:
        status: HTTP status.
        retry_after: seconds after which the client may try again.
        others: as of `StcaError`.

    """

    def __init__(self, what: str, *, status: int, retry_after: int | None = None, **others: Any) -> None:
        super().__init__(what, **others)
        self.status, self.retry_after = status, retry_after


def not_found(what: str, **others: Any) -> WebError:
    """The thing that an address names does not exist."""
    return WebError(what, status=404, **others)


def status_of(error: StcaError) -> int:
    """The HTTP status of an error: its own, else 422 for what the request asked, and 500 for the rest."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status
    return 422 if isinstance(error, GalleryError | ConfigError | FrameError | DatasetError) else 500


def problem_of(error: StcaError, *, instance: str) -> dict[str, Any]:
    """The problem details of an error.

    The place of a file on the server is left out: it is nobody's business who asks over the network.
    """
    status = status_of(error)
    expected, found = _words(error.expected), _words(error.found)
    detail = [f"expected: {expected}"] if expected else []
    detail += [f"found: {found}"] if found else []
    return problem(
        status, title=error.what, detail="; ".join(detail) or None, instance=instance, hint=error.hint
    )


def problem(
    status: int,
    *,
    instance: str,
    title: str | None = None,
    detail: str | None = None,
    hint: str | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Problem details; entries that are None are left out."""
    content = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "hint": hint,
        "errors": errors,
    }
    return {name: value for name, value in content.items() if value is not None}


def _words(value: object) -> str | None:
    return None if value is None else str(value)
