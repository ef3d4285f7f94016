"""Errors as pages that say what to do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Scope

from stca.web.pages.shown.rendering import render
from stca.web.problems import MEDIA_TYPE
from stca.web.texts import TEXTS

_NO_PAGES = ("/api/", "/media/", "/static/")


def wants_page(request: Request) -> bool:
    """Whether a person reads the answer: a browser that asks for a page, or htmx for a part of one."""
    if request.url.path.startswith(_NO_PAGES):
        return False
    return "text/html" in request.headers.get("accept", "") or request.headers.get("hx-request") == "true"


def show_errors_as_pages(app: FastAPI) -> None:
    """Let each handler of errors that the application has answer people with a page, programs as before."""
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _as_page(handler))


def _as_page(handler: Callable[..., Any]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        made = handler(request, error)
        response: Response = await made if isinstance(made, Awaitable) else made
        if not wants_page(request) or response.media_type != MEDIA_TYPE:
            return response
        kept = ("retry-after", "allow")
        headers = {name: value for name, value in response.headers.items() if name in kept}
        return await run_in_threadpool(error_page, request, json.loads(bytes(response.body)), headers=headers)

    return answer


def refusal_page(scope: Scope, problem: Mapping[str, Any]) -> Response:
    """What the guard says to somebody who may not see a page."""
    return error_page(Request(scope), problem)


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
        retry=extra.get("retry-after"),
    )
