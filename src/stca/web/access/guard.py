"""The one place that decides whether a request is answered: host, origin, token, role.

A page of another site must not reach a server on loopback, neither by a name that its owner lets point here
(DNS rebinding: the Host header is checked) nor by a form or a script (CSRF: the Origin header is checked).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stca.errors import StcaError
from stca.web.access.rate_limit import RateLimit
from stca.web.access.tokens import Tokens, User
from stca.web.problems import MEDIA_TYPE, problem

COOKIE = "stca_token"
LOCAL = User("local", "editor")
"""Whoever uses the server's own machine, where no token is needed."""

PUBLIC = (r"/login", r"/static/.*", r"/favicon\.ico", r"/api/v1/health")
"""Addresses that need no token."""
VIEWER_MAY_POST = (r"/api/v1/search", r"/logout")
"""Addresses that change nothing, though they are asked by POST."""
EDITOR_MAY_GET = (r"/api/v1/audit", r"/forget")
"""Addresses that only editors may read."""
UPLOADS = (r"(/api/v1)?/uploads", r"(/api/v1)?/jobs/upload")
"""Addresses that have a time limit of their own for what they receive."""
BODY_SECONDS = 30.0
"""In which every other body has to arrive."""
_READING = ("GET", "HEAD", "OPTIONS")

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    title: str
    hint: str
    retry_after: int | None = None


def required_role(method: str, path: str) -> str | None:
    """The role that a request needs; None: anybody may."""
    if _matches(PUBLIC, path):
        return None
    if method in _READING:
        return "editor" if _matches(EDITOR_MAY_GET, path) else "viewer"
    return "viewer" if _matches(VIEWER_MAY_POST, path) else "editor"


class Guard:
    """ASGI middleware: refuses a request, or passes it on with its user in `scope["state"]["user"]`.

    Args:
        app: what answers.
        tokens: who has one.
        hosts: host names and addresses, without ports, under which the server may be asked.
        local: whether requests without a token are of this machine's user.
        rate: limit of requests of each user, and of each address without one; files of the pages are free.
        page: makes a page of problem details, for people; None: they get plain text.
        check: raises a StcaError where nothing can be answered; not called for static files.

    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        hosts: frozenset[str],
        local: bool,
        rate: RateLimit | None = None,
        page: Callable[[Scope, Mapping[str, Any]], Response] | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._app, self._tokens, self._hosts, self._local = app, tokens, hosts, local
        self._rate, self._page, self._check = rate, page, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"there is no {scope['type']} here")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["stca.answering"] = True
                message["headers"] = [*message["headers"], *_headers(scope["path"], message)]
            await send(message)

        try:
            decided = self.decide(scope)
        except StcaError as error:  # who may come in is not known: nobody
            decided = Refusal(503, error.what, error.hint or "see the server's log")
        if not scope["path"].startswith("/static/") and (wait := self._wait(scope, decided)):
            decided = Refusal(429, "Too many requests", "wait, then try again", math.ceil(wait))
        if isinstance(decided, Refusal):
            await _refusal(decided, scope, self._page)(scope, receive, send_with_headers)
            return
        scope.setdefault("state", {})["user"] = decided
        body = receive if _matches(UPLOADS, scope["path"]) else _timed(receive, scope)
        await self._app(scope, body, send_with_headers)

    def decide(self, scope: Scope) -> User | Refusal | None:
        """Who sends the request, or why it is refused; None: anybody, on a public address.

        Raises:
            StcaError: the file of tokens is damaged, or `check` failed.

        """
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _host(hosts[0]) not in self._hosts:
            return Refusal(421, "This server does not answer under this name", "--name NAME allows it")
        if "\n" in path:  # a route's pattern passes over a line feed at the end, our lists do not
            return Refusal(404, "There is no such page", "see the address")
        if path.startswith("/static/"):  # also of the pages that say why nothing else is answered
            return None
        if self._check is not None:
            self._check()
        self._tokens.all()  # a damaged file lets nobody in, not even who needs no token
        if method not in _READING and not _same_origin(headers, hosts[0]):
            return Refusal(403, "Another site's page may not do this", "open the server's own page")
        role = required_role(method, path)
        user = self._user(headers)
        if role is None:
            return user
        if user is None:
            return Refusal(401, "A token is needed", "ask the owner: stca serve --new-token NAME")
        if role == "editor" and user.role != "editor":
            return Refusal(403, "Viewers may search, not change anything", "ask for a token of an editor")
        return user

    def _wait(self, scope: Scope, decided: User | Refusal | None) -> float:
        """Seconds until the one who asks may do so."""
        if self._rate is None:
            return 0.0
        client = scope.get("client") or ("", 0)
        return self._rate.wait(decided.name if isinstance(decided, User) else f"address {client[0]}")

    def _user(self, headers: Headers) -> User | None:
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind:
            return self._tokens.user(secret.strip()) if kind.lower() == "bearer" else None
        cookie = _cookie(headers)
        user = None if cookie is None else self._tokens.user(cookie)
        return user or (LOCAL if self._local else None)


def _timed(receive: Receive, scope: Scope) -> Receive:
    """`receive` with a time limit for the whole body; what comes after it, such as a disconnect, has none."""
    until, whole = time.monotonic() + BODY_SECONDS, False

    async def timed() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                message = await receive()
        except TimeoutError:
            whole = True
            if scope.get("stca.answering"):
                return {"type": "http.disconnect"}
            raise HTTPException(408, "The request took too long to arrive", {"Connection": "close"}) from None
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return timed


def _headers(path: str, message: Message) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in message["headers"]}
    added = dict(SECURITY_HEADERS)
    if not path.startswith("/static/"):
        added["Cache-Control"] = "no-store"
    return [
        (name.lower().encode(), value.encode())
        for name, value in added.items()
        if name.lower().encode() not in present
    ]


def _refusal(
    refusal: Refusal, scope: Scope, page: Callable[[Scope, Mapping[str, Any]], Response] | None
) -> Response:
    """As problem details, as a way to the login page, or as plain text where somebody reads it."""
    headers = Headers(scope=scope)
    path = scope["path"]
    wants_page = "text/html" in headers.get("accept", "") and not path.startswith("/api/")
    if refusal.status == 401 and wants_page and scope["method"] in _READING:
        query = scope.get("query_string", b"").decode("latin-1")
        target = f"{path}?{query}" if query else path
        return RedirectResponse(f"/login?next={quote(target, safe='')}", status_code=303)
    content = problem(refusal.status, title=refusal.title, hint=refusal.hint, instance=path)
    if wants_page and page is not None and refusal.status != 421:
        answer = page(scope, content)
    elif wants_page:
        answer = PlainTextResponse(f"{refusal.title}.\n{refusal.hint}\n", status_code=refusal.status)
    else:
        answer = JSONResponse(content, status_code=refusal.status, media_type=MEDIA_TYPE)
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def _matches(patterns: tuple[str, ...], path: str) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in patterns)


def _host(header: str) -> str:
    """Without the port; IPv6 addresses without brackets; empty where it is more than a host and a port."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::[0-9]*)?", header, re.ASCII)
    return (found[1] or found[2]).lower().removesuffix(".") if found else ""


def _same_origin(headers: Headers, host: str) -> bool:
    """Whether a request that changes something comes from our own page, or from no page at all."""
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True  # no browser: those name the origin of every such request
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _cookie(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None
