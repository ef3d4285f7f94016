"""Every correction goes through one form here, and can be undone from its log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from stca.gallery.corrections import Correction
from stca.web import schemas
from stca.web.api.common import Id, state_of
from stca.web.listing import Snapshot, page
from stca.web.pages.shown.rendering import go, is_partial, person_url, render, user_of
from stca.web.pages.shown.tiles import Tile, tracklet_tile
from stca.web.problems import WebError, renumbered
from stca.web.state import ServerState

router = APIRouter()
PAGE, PICTURES = 50, 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A correction with pictures of whom it is about.

    Args:
        correction: from the log.
        keys, others: those of its tracklets that there still are; some of them.
        more: how many are not shown.

    """

    correction: Correction
    keys: tuple[Tile, ...]
    others: tuple[Tile, ...]
    more: int


@router.get("/corrections")
def log(request: Request, cursor: Annotated[str | None, Query(max_length=2000)] = None) -> Response:
    """The log, newest first."""
    state = state_of(request)
    snapshot = state.snapshot()
    found = state.gallery.corrections()[::-1]
    some, after = page(found, lambda each: str(each.id), cursor, PAGE)
    return render(
        request,
        "_corrections.html" if cursor and request.headers.get("hx-request") else "corrections.html",
        entries=[_entry(snapshot, each) for each in some],
        after=after,
        total=len(found),
    )


@router.post("/correct")
def correct(
    request: Request,
    kind: Annotated[str, Form()],
    keys: Annotated[Sequence[str], Form()] = (),
    others: Annotated[Sequence[str], Form()] = (),
    person: Annotated[int | None, Form()] = None,
    other_person: Annotated[int | None, Form()] = None,
    name: Annotated[str | None, Form()] = None,
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Make a correction, and go back with a way to undo it."""
    given = {
        "kind": kind,
        "keys": list(keys),
        "others": list(others),
        "person": person,
        "other_person": other_person,
        "name": None if name is None else name.strip(),
    }
    state, user = state_of(request), user_of(request)
    if kind == "hide" and person is not None:  # the whole of a person, by one of the tracklets
        given |= {"keys": _all_of(state, person, keys), "person": None}
    if kind in ("take out", "split", "hide", "show") and not keys:
        raise WebError("Nothing was chosen", status=422, hint="mark the sightings that are meant")
    made = state.correct(_parse(given), user)
    if kind in ("same", "different") and is_partial(request):
        return _judged(request, made, back=back)
    return go(request, _still_there(state, back, made), done=made.id)


@router.post("/corrections/{number}/undo")
def undo(
    request: Request,
    number: Id,
    back: Annotated[str, Form()] = "/corrections",
    part: Annotated[str, Form()] = "",
) -> Response:
    """Undo a correction."""
    state = state_of(request)
    undone = state.undo(number, user_of(request))
    if part == "judge" and is_partial(request):
        return _judged(request, undone, back=back)
    return go(request, _still_there(state, back, undone), done=undone.id)


def _all_of(state: ServerState, number: int, keys: Sequence[str]) -> list[str]:
    """Every sighting of a person; a WebError of status 409 where one of `keys` is not of that number now."""
    person = state.snapshot().persons.get(number)
    found = [record.key for record in person.records] if person else []
    if not keys or not set(keys) <= set(found):
        raise renumbered(f"person {number}")
    return found


def _still_there(state: ServerState, back: str, made: Correction) -> str:
    """The way back; from a person's page to whoever has its tracklets now, or to the wall.

    Out of whom something was taken is meant by the tracklets that are left.
    """
    place = re.match(r"/people/(\d+)(?![^/?])", back)
    snapshot = state.snapshot()
    of = parse_qs(urlsplit(back).query).get("of", [])
    if place is None or (not of and int(place[1]) in snapshot.persons):
        return back
    rest = made.others if made.kind in ("take out", "split") and made.counts else ()
    for key in (*rest, *of, *made.keys, *made.others):
        if (person := snapshot.person_of(key)) is not None:
            return person_url(person.number, key if of else None)
    return "/"


def _parse(given: Mapping[str, object]) -> schemas.CorrectionIn:
    try:
        return schemas.CorrectionIn.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WebError("This is no correction", status=422, found=f"{where}: {first['msg']}") from None


def _judged(request: Request, made: Correction, *, back: str) -> Response:
    """The buttons of an answer as they are now, and the way to undo what was said."""
    query, answer = made.keys[0], made.others[0]
    said = state_of(request).judgements(query).get(answer)
    return render(
        request,
        "_judge.html",
        query=query,
        answer=answer,
        judged=None if said is None else "same" if said else "different",
        back=back,
        toast=made,
    )


def _entry(snapshot: Snapshot, correction: Correction) -> Entry:
    keys, others = (
        [snapshot.records[key] for key in side if key in snapshot.records]
        for side in (correction.keys, correction.others)
    )
    most = PICTURES // 2 if others else PICTURES
    shown = [tuple(tracklet_tile(snapshot, record) for record in side[:most]) for side in (keys, others)]
    more = max(len(keys) - most, 0) + max(len(others) - most, 0)
    return Entry(correction, shown[0], shown[1], more)
