"""What people say of who is who: add, list, undo, export."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from stca.gallery.corrections import Correction, labelled_pairs, pairs_csv
from stca.web import schemas
from stca.web.api.common import Cursor, Id, Limit, State, Who
from stca.web.listing import page

router = APIRouter(tags=["corrections"])


@router.get("/corrections")
def list_corrections(state: State, cursor: Cursor = None, limit: Limit = 60) -> schemas.CorrectionPage:
    """The log, newest first."""
    found = state.gallery.corrections()[::-1]
    some, after = page(found, lambda each: str(each.id), cursor, limit)
    return schemas.CorrectionPage(items=list(map(correction_out, some)), next=after, total=len(found))


@router.post("/corrections", status_code=201)
def correct(state: State, who: Who, given: schemas.CorrectionIn) -> schemas.Correction:
    """Correct who is who; it takes effect at once, and binds the next `stca link`."""
    return correction_out(state.correct(given, who))


@router.get(
    "/corrections/pairs.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def export_pairs(state: State) -> Response:
    """Pairs of tracklets that people said to be one person, or two: key,other,same,time,author."""
    return Response(pairs_csv(labelled_pairs(state.gallery.corrections())), media_type="text/csv")


@router.post("/corrections/{number}/undo")
def undo_correction(state: State, who: Who, number: Id) -> schemas.Correction:
    """Undo a correction, in any order."""
    return correction_out(state.undo(number, who))


def correction_out(correction: Correction) -> schemas.Correction:
    """A correction as the interface gives it."""
    return schemas.Correction(
        id=correction.id,
        time=correction.time,
        kind=correction.kind,
        keys=list(correction.keys),
        others=list(correction.others),
        text=correction.text,
        author=correction.author,
        undone=correction.undone,
        renumbered=correction.renumbered,
    )
