"""Searches, and those that are kept with a name."""

from __future__ import annotations

from fastapi import APIRouter

from stca.web import actions, schemas
from stca.web.api.common import Cursor, Id, Limit, State, Who
from stca.web.listing import page
from stca.web.searching import search

router = APIRouter(tags=["searches"])


@router.post("/search")
def search_gallery(state: State, who: Who, request: schemas.SearchRequest) -> schemas.SearchResult:
    """The most similar tracklets, and whether the best one is the person."""
    return search(state, request, who)


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


@router.delete("/searches/{number}", status_code=204)
def remove_saved(state: State, who: Who, number: Id) -> None:
    """Forget a saved search."""
    actions.remove_saved_search(state, who, number)
