"""Templates into answers: what every page knows, and the one way to make an address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stca.gallery.corrections import Correction
from stca.version import __version__
from stca.web.access.tokens import User
from stca.web.api.common import state_of
from stca.web.pages.shown import words
from stca.web.texts import text

NOBODY = User("", "viewer")
"""Whoever sees a page that needs no token."""
_STATIC = Path(__file__).parents[2] / "static"


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **content: Any,
) -> HTMLResponse:
    """A template of `web/templates` as an answer.

    Args:
        request: the one that is answered.
        template: the file's name.
        status: of the answer.
        headers: of the answer.
        content: what the template shows.

    """
    user = user_of(request)
    html = (
        environment()
        .get_template(template)
        .render(
            user=user,
            editor=user.role == "editor",
            known=user is not NOBODY,
            path=request.url.path,
            here=here(request),
            partial=is_partial(request),
            **{"toast": _done(request), **content},
        )
    )
    return HTMLResponse(html, status, headers)


@cache
def environment() -> Environment:
    """Jinja's; everything that is shown is escaped."""
    made = Environment(
        loader=PackageLoader("stca.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        t=text,
        static=static,
        tracklet_url=tracklet_url,
        person_url=person_url,
        person_name=person_name,
        score_words=words.score,
        address=address,
        version=__version__,
    )
    made.filters.update(
        words_of_time=lambda span: words.when(*span),
        moment=words.moment,
        plain=words.plain,
        date=words.date,
        duration=words.duration,
        count=words.count,
        clock=words.clock,
        size=words.size,
        days_since=words.days_since,
        iso=words.iso,
    )
    return made


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the file, so that no browser keeps an old one."""
    digest = hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def person_name(number: int, name: str | None) -> str:
    """A person's name, or the number; plain text, which a template escapes once."""
    return name or text("person.number", number=number)


# ---- addresses ----


def tracklet_url(key: str) -> str:
    """The page of a tracklet."""
    return f"/tracklets/{quote(key)}"


def person_url(number: int, key: str | None = None) -> str:
    """The page of a person; with one of the tracklets, it finds them also after people were numbered anew."""
    return address(f"/people/{number}", of=key)


def address(path: str, **values: object) -> str:
    """A path with a query; values that are None or empty are left out, lists are repeated."""
    pairs: list[tuple[str, object]] = []
    for name, value in values.items():
        for each in value if isinstance(value, list | tuple | set | frozenset) else [value]:
            if each is not None and each != "":
                pairs.append((name.rstrip("_"), each))
    return f"{path}?{_query(pairs)}" if pairs else path


def here(request: Request, without: Iterable[str] = ("done",)) -> str:
    """The path and query of a request, for a way back to it."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name not in without]
    query = _query(pairs)
    path = quote(request.url.path)
    return f"{path}?{query}" if query else path


def _query(pairs: Sequence[tuple[str, object]]) -> str:
    """As readable as it can be: keys have slashes."""
    return urlencode(pairs, safe="/,:", quote_via=quote)


# ---- requests ----


def user_of(request: Request) -> User:
    """Who sent a request."""
    return getattr(request.state, "user", None) or NOBODY


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page, not for a whole one."""
    wanted = request.headers.get("hx-request") == "true"
    return wanted and request.headers.get("hx-history-restore-request") != "true"


def _done(request: Request) -> Correction | None:
    """The correction that the form before this page made, or undid."""
    number = request.query_params.get("done", "")
    if not number.isdecimal():
        return None
    found = state_of(request).gallery.corrections()
    return next((each for each in reversed(found) if str(each.id) == number), None)


def go(request: Request, place: str, *, done: int | None = None) -> Response:
    """Send a browser on after a form: to a page of ours, with what was done, so that it can be undone.

    Args:
        request: the form's.
        place: path and query; anything that is no path of ours becomes the first page.
        done: id of the correction that was made.

    """
    if not place.startswith("/") or place.startswith(("//", "/\\")) or not place.isprintable():
        place = "/"
    if done is not None:
        place += f"{'&' if '?' in place else '?'}done={done}"
    if is_partial(request):
        return Response(status_code=204, headers={"HX-Redirect": place})
    return RedirectResponse(place, status_code=303)
