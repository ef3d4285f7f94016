"""Persons: list, look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from stca.web import schemas
from stca.web.api.common import Cursor, Filtered, Limit, State

router = APIRouter(tags=["persons"])


@router.get("/persons")
def list_persons(
    state: State, filters: Filtered, cursor: Cursor = None, limit: Limit = 60
) -> schemas.PersonPage:
    """Persons of whom a tracklet passes the filters, newest first."""
    return state.snapshot().person_page(filters, cursor=cursor, limit=limit)


@router.get("/persons/{number}")
def get_person(
    state: State, number: Annotated[int, Path(description="of the person")]
) -> schemas.PersonDetail:
    """A person with every sighting, in time order."""
    return state.snapshot().person_detail(number)
