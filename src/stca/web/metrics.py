"""Figures for monitoring, in the text format of Prometheus."""

from __future__ import annotations

import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stca.web.state import ServerState

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted as `other`: a client may make up as many as it likes."""


class Metrics:
    """Counts of requests, and what the gallery holds. Each server has its own."""

    MEDIA_TYPE = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "stca_requests", "Requests answered", ["method", "status"], registry=self._registry
        )
        self.seconds = Histogram("stca_request_seconds", "Seconds to an answer", registry=self._registry)
        self._tracklets = Gauge(
            "stca_gallery_tracklets", "Tracklets in the gallery", ["camera"], registry=self._registry
        )
        self._persons = Gauge("stca_gallery_persons", "Persons in the gallery", registry=self._registry)

    def text(self, state: ServerState) -> bytes:
        """All figures as of now."""
        snapshot = state.snapshot()
        self._tracklets.clear()
        for camera in snapshot.cameras_out():
            self._tracklets.labels(camera.name).set(camera.tracklets)
        self._persons.set(len(snapshot.persons))
        return generate_latest(self._registry)


class CountRequests:
    """ASGI middleware that counts requests.

    Args:
        app: what answers.
        metrics: where they are counted.

    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, str(status)).inc()
            self._metrics.seconds.observe(time.perf_counter() - begun)
