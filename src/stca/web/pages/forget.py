"""Forgetting a person or a tracklet: first what it would erase, then, once confirmed, doing it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from stca.gallery.keeping import Forgotten, forget
from stca.linking.persons import Person
from stca.web import actions
from stca.web.api.common import state_of
from stca.web.listing import Snapshot
from stca.web.pages.shown.rendering import person_name, render, user_of
from stca.web.pages.shown.tiles import tracklet_tile
from stca.web.problems import renumbered
from stca.web.state import ServerState

router = APIRouter()
SHOWN = 24
"""Tracklets that are shown at most."""

Key = Annotated[str, Query(max_length=1000)]


@router.get("/forget")
def ask(request: Request, key: Key, whole: bool = False) -> Response:
    """What would be erased of a tracklet, or with `whole` of the person that it is of."""
    state = state_of(request)
    snapshot = state.snapshot()
    person = _person(snapshot, key) if whole else None
    keys = [record.key for record in person.records] if person else [snapshot.record(key).key]
    names = actions.names_to_forget(snapshot, person)
    return render(
        request,
        "forget.html",
        key=key,
        who=key if person is None else person_name(person.number, person.name),
        keys=keys,
        mark=_mark(keys),
        whole=whole,
        tiles=[tracklet_tile(snapshot, snapshot.records[each]) for each in keys[:SHOWN]],
        **_erased(state, forget(state.gallery, keys, names=names, dry_run=True)),
        done=False,
    )


@router.post("/forget")
def do(
    request: Request,
    key: Annotated[str, Form()],
    mark: Annotated[str, Form()],
    whole: Annotated[bool, Form()] = False,
) -> Response:
    """Forget what the page before showed; refused with status 409 where the person has others by now."""
    state = state_of(request)
    snapshot = state.snapshot()
    person = _person(snapshot, key) if whole else None
    now = [record.key for record in person.records] if person else [snapshot.record(key).key]
    if _mark(now) != mark:
        raise renumbered(key)
    erased = actions.forget_tracklets(state, user_of(request), now, actions.names_to_forget(snapshot, person))
    return render(request, "forget.html", **_erased(state, erased), keys=now, done=True)


def _erased(state: ServerState, erased: Forgotten) -> dict[str, Any]:
    return {"erased": erased, "left": [state.public(each) for each in erased.left]}


def _mark(keys: Sequence[str]) -> str:
    """Of all that a page said would be erased; thousands of keys are too many for a form."""
    return hashlib.sha256("\0".join(sorted(keys)).encode()).hexdigest()


def _person(snapshot: Snapshot, key: str) -> Person:
    if (found := snapshot.person_of(snapshot.record(key).key)) is None:
        raise renumbered(key)
    return found
