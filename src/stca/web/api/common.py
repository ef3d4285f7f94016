"""What the routes share: the server's state, who asks, paging, filters, problem details in the schema."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from stca.web.access.tokens import User
from stca.web.listing import Filters
from stca.web.problems import MEDIA_TYPE, WebError
from stca.web.state import ServerState

_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request cannot be answered", **_PROBLEM},
    422: {"description": "The request is invalid", **_PROBLEM},
    "5XX": {"description": "The server failed, or is busy", **_PROBLEM},
}
"""Responses of every route."""


def state_of(request: Request) -> ServerState:
    """The server's."""
    state: ServerState = request.app.state.server
    return state


def _user(request: Request) -> User:
    user: User = request.state.user
    return user


State = Annotated[ServerState, Depends(state_of)]
Who = Annotated[User, Depends(_user)]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=500, description="most items of a page")]
Id = Annotated[int, Path(ge=1, le=2**62)]
"""Of a job, a correction or a saved search; SQLite's integers end at 2**63."""


def filters(
    camera: Annotated[list[str] | None, Query(description="only these cameras")] = None,
    person: Annotated[list[int] | None, Query(description="only these persons")] = None,
    from_: Annotated[float | None, Query(alias="from", description="seen at or after, in seconds")] = None,
    to: Annotated[float | None, Query(description="seen at or before, in seconds")] = None,
) -> Filters:
    """Filters in an address."""
    for name, value in (("from", from_), ("to", to)):
        if value is not None and not math.isfinite(value):
            raise WebError("A time is a finite number", status=422, found=f"{name}={value}")
    if from_ is not None and to is not None and from_ > to:
        raise WebError("The time range ends before it begins", status=422, expected="from <= to")
    return Filters(
        None if camera is None else frozenset(camera),
        None if person is None else frozenset(person),
        from_,
        to,
    )


Filtered = Annotated[Filters, Depends(filters)]
