"""Forgetting tracklets and persons for good, with all that the server keeps of them."""

from __future__ import annotations

from fastapi import APIRouter

from stca.gallery import keeping
from stca.web import actions, schemas
from stca.web.api.common import State, Who
from stca.web.problems import renumbered
from stca.web.state import ServerState

router = APIRouter(tags=["tracklets"])


@router.post("/forget")
def forget(state: State, who: Who, given: schemas.ForgetIn) -> schemas.Forgotten:
    """Erase tracklets, crops and all that was said of them; with `person`, the person's name too."""
    snapshot = state.snapshot()
    keys = list(dict.fromkeys(snapshot.record(key).key for key in given.keys))
    person = None if given.person is None else snapshot.person(given.person)
    if person is not None and set(keys) != {record.key for record in person.records}:
        raise renumbered(keys[0])
    names = actions.names_to_forget(snapshot, person)
    if given.dry_run:
        return _forgotten_out(state, keeping.forget(state.gallery, keys, names=names, dry_run=True))
    return _forgotten_out(state, actions.forget_tracklets(state, who, keys, names))


def _forgotten_out(state: ServerState, erased: keeping.Forgotten) -> schemas.Forgotten:
    return schemas.Forgotten(
        keys=list(erased.keys),
        crops=erased.crops.files,
        corrections=erased.corrections,
        searches=erased.server.searches,
        audit_lines=erased.server.lines,
        uploads=erased.server.uploads,
        events=erased.watch.events,
        index_files=erased.index_files,
        left=[state.public(each) for each in erased.left],
        tried_again=[state.public(str(each)) for each in erased.tried_again],
    )
