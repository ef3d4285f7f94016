"""Errors as pages that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from stca.web.pages.shown.rendering import render
from stca.web.texts import TEXTS

_NO_PAGES = ("/api/", "/media/", "/static/")


def wants_page(request: Request) -> bool:
    """Whether a person reads the answer: a browser that asks for a page, or htmx for a part of one."""
    if request.url.path.startswith(_NO_PAGES):
        return False
    return "text/html" in request.headers.get("accept", "") or request.headers.get("hx-request") == "true"


def error_page(
    request: Request, problem: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> Response:
    """Problem details as a page, or, for htmx, as a message that leaves the page as it is."""
    status = int(problem["status"])
    known = f"error.{status}.title" in TEXTS
    extra = dict(headers or {})
    partial = request.headers.get("hx-request") == "true"
    if partial:
        extra |= {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}
    return render(
        request,
        "_error.html" if partial else "error.html",
        status=status,
        headers=extra,
        code=status,
        kind=str(status) if known else "other",
        title=problem.get("title", ""),
        detail=problem.get("detail"),
        hint=problem.get("hint"),
        errors=problem.get("errors") or [],
        retry=extra.get("Retry-After"),
    )
