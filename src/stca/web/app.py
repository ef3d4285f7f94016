"""The application: the guard, the interface below `/api/v1`, the pages."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, Response

from stca.errors import StcaError
from stca.version import __version__
from stca.web import api, pages
from stca.web.access.guard import Guard
from stca.web.access.rate_limit import RateLimit
from stca.web.media.routes import router as media_router
from stca.web.metrics import CountRequests, Metrics
from stca.web.problems import MEDIA_TYPE, problem, problem_of, retry_after, status_of
from stca.web.schemas import Problem
from stca.web.searching import SavedAnswers
from stca.web.settings import ServerSettings
from stca.web.state import ServerState

API = "/api/v1"
MOST_BYTES = 1 << 20
"""Of a request's body; uploads have limits of their own."""


def create_app(settings: ServerSettings) -> FastAPI:
    """The server as an ASGI application; the gallery is closed when it ends.

    Raises:
        GalleryError: the gallery cannot be opened.

    """
    state = ServerState(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for work in (partial(pages.prepare, state), state.remove_expired_uploads):
            threading.Thread(target=work, daemon=True).start()
        yield
        state.close()

    app = _routes(lifespan)
    app.state.server, app.state.metrics, app.state.answers = state, Metrics(), SavedAnswers(state)
    app.add_middleware(
        Guard,
        tokens=state.tokens,
        hosts=_hosts(settings),
        local=settings.loopback,
        # A wall of people asks for a hundred pictures at once; this machine's own user may ask for more.
        rate=None if settings.loopback else RateLimit(rate=50, burst=500),
        page=pages.refusal_page,
        check=state.require_gallery,
    )
    app.add_middleware(CountRequests, metrics=app.state.metrics)
    return app


def schema() -> dict[str, Any]:
    """The OpenAPI document of the interface below `/api/v1`."""
    return _routes(None).openapi()


class _App(FastAPI):
    """Adds problem details to the OpenAPI document, which no route names as its own answer."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return document


def _hosts(settings: ServerSettings) -> frozenset[str]:
    """Names under which the server may be asked."""
    hosts = {"localhost", "127.0.0.1", "::1", *settings.names}
    return frozenset(hosts if settings.loopback else hosts | {settings.host})


def _routes(lifespan: Any) -> FastAPI:
    """The application without what it needs to answer."""
    app = _App(
        title="stca",
        version=__version__,
        summary="Find people in the videos of several cameras",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=MOST_BYTES,
        lifespan=lifespan,
    )
    api.add_routes(app, prefix=API)
    app.add_exception_handler(StcaError, _stca_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)
    app.include_router(media_router)
    pages.add_pages(app)
    return app


def _stca_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StcaError)
    retry, settings = retry_after(error), request.app.state.server.settings
    return JSONResponse(
        problem_of(error, instance=request.url.path, folders=settings.folders),
        status_code=status_of(error),
        media_type=MEDIA_TYPE,
        headers=None if retry is None else {"Retry-After": str(retry)},
    )


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"where": _shown(".".join(map(str, each["loc"]))), "what": _shown(str(each["msg"]))}
        for each in error.errors()[:20]
    ]
    content = problem(422, title="The request is invalid", instance=request.url.path, errors=errors)
    return JSONResponse(content, status_code=422, media_type=MEDIA_TYPE)


def _shown(text: str) -> str:
    """Text that can be sent: names of entries may have lone surrogates, which no encoding knows."""
    return text.encode("utf-8", "backslashreplace").decode()


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException | StarletteHTTPException)
    content = problem(error.status_code, title=str(error.detail), instance=request.url.path)
    return JSONResponse(
        content, status_code=error.status_code, media_type=MEDIA_TYPE, headers=dict(error.headers or {})
    )


def _bug(request: Request, error: Exception) -> Response:
    content = problem(500, title="The server failed", instance=request.url.path, hint="see the server's log")
    return JSONResponse(content, status_code=500, media_type=MEDIA_TYPE)
