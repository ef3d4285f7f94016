"""Who searched for whom, and who changed what; for editors."""

from __future__ import annotations

from fastapi import APIRouter

from stca.web import schemas
from stca.web.api.common import Cursor, Limit, State
from stca.web.listing import page

router = APIRouter(tags=["audit"])


@router.get("/audit")
def audit_log(state: State, cursor: Cursor = None, limit: Limit = 60) -> schemas.AuditPage:
    """The audit log, newest first."""
    found = list(state.audit.entries())
    lines = [(number, entry) for number, entry in enumerate(found, start=1)][::-1]
    some, after = page(lines, lambda line: str(line[0]), cursor, limit)
    return schemas.AuditPage(items=[entry for _, entry in some], next=after, total=len(found))
