"""Logging in with a token, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from stca.web.access.guard import COOKIE
from stca.web.api.common import state_of
from stca.web.pages.shown.rendering import go, render

router = APIRouter()
_WEEK = 7 * 24 * 3600


@router.get("/login")
def ask(request: Request, next: Annotated[str, Query(max_length=4000)] = "/") -> Response:
    """The page that asks for a token."""
    return render(request, "login.html", next=next, refused=False)


@router.post("/login")
def enter(
    request: Request, token: Annotated[str, Form(max_length=500)], next: Annotated[str, Form()] = "/"
) -> Response:
    """Keep a token in a cookie that no script can read."""
    state = state_of(request)
    user = state.tokens.user(token.strip())
    if user is None:
        return render(request, "login.html", status=401, next=next, refused=True)
    state.audit.write(user.name, user.role, "log in")
    answer = go(request, next)
    answer.set_cookie(
        COOKIE,
        token.strip(),
        max_age=_WEEK,
        httponly=True,
        samesite="strict",
        secure=state.settings.https,
    )
    return answer


@router.post("/logout")
def leave(request: Request) -> Response:
    """Forget the token."""
    answer = go(request, "/login")
    answer.delete_cookie(COOKIE)
    return answer
