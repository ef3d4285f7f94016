"""Searches, and those that are kept with a name."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request

from stca.web import actions, schemas
from stca.web.api.common import Cursor, Id, Limit, State, Who
from stca.web.listing import page
from stca.web.searching import require_numbering, search

router = APIRouter(tags=["searches"])


@router.post("/search")
async def search_gallery(state: State, who: Who, request: schemas.SearchRequest) -> schemas.SearchResult:
    """The most similar tracklets, and whether the best one is the person."""
    turns = state.embedding_turns if request.key is None and request.vector is None else state.search_turns
    return await to_thread.run_sync(search, state, request, who, limiter=turns)


@router.get("/searches")
def list_saved(state: State, cursor: Cursor = None, limit: Limit = 60) -> schemas.SavedSearchPage:
    """Saved searches, newest first."""
    found = state.saved.all()
    some, after = page(found, lambda search: str(search.id), cursor, limit)
    return schemas.SavedSearchPage(items=list(some), next=after, total=len(found))


@router.post("/searches", status_code=201)
def save(state: State, who: Who, saved: schemas.SavedSearchIn) -> schemas.SavedSearch:
    """Keep a search for a tracklet of the gallery."""
    return actions.save_search(state, who, saved.name, saved.request)


@router.get("/searches/{number}")
def get_saved(state: State, number: Id) -> schemas.SavedSearch:
    """One saved search."""
    return state.saved.get(number)


@router.get("/searches/{number}/new")
def new_answers(state: State, who: Who, request: Request, number: Id) -> schemas.NewAnswers:
    """What came since the answers to a saved search were last looked through; none on Milvus."""
    row = state.newest_row()
    saved = state.saved.get(number).request
    state.snapshot().record(saved.key or "")
    require_numbering(state, saved)
    state.audit.write(who.name, who.role, "see new answers", searches=[number])
    return schemas.NewAnswers(hits=request.app.state.answers.new().get(number, []), row=row)


@router.post("/searches/{number}/seen", status_code=204)
def mark_seen(state: State, who: Who, number: Id, seen: schemas.Seen) -> None:
    """The answers to a saved search were looked through up to a row; what comes later is new."""
    actions.mark_seen(state, who, number, seen.row)


@router.delete("/searches/{number}", status_code=204)
def remove_saved(state: State, who: Who, number: Id) -> None:
    """Forget a saved search."""
    actions.remove_saved_search(state, who, number)
