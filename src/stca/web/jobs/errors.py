"""The error of a job, with the HTTP status that it means."""

from __future__ import annotations

from stca.web.problems import WebError


class JobError(WebError):
    """A job that there is not (404), cannot be made or changed (409, 422), or cannot be taken now (503)."""
