"""The error of an upload, with the HTTP status that it means."""

from __future__ import annotations

from typing import Any

from stca.web.problems import WebError

STATUSES = frozenset({400, 408, 413, 415, 422, 429, 503})


class UploadError(WebError):
    """An upload that is refused.

    The status is 400 (no proper form), 408 (arrives too slowly), 413 (more than the limits), 415 (no picture,
    video or zip), 422 (damaged), 429 (too often), or 503 (busy).

    Args:
        status: one of these.
        retry_after: seconds after which the client may try again.
        others: as of `StcaError`.

    """

    def __init__(
        self, what: str, *, status: int = 422, retry_after: int | None = None, **others: Any
    ) -> None:
        super().__init__(what, status=status, retry_after=retry_after, **others)
