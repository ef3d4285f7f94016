"""One person: every sighting, over all cameras and times, and who else it may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from stca.gallery.corrections import labelled_pairs
from stca.gallery.records import Record
from stca.linking.persons import Person
from stca.web.api.common import state_of
from stca.web.listing import Snapshot, longest, span
from stca.web.pages.shown import drawing
from stca.web.pages.shown.rendering import here, render
from stca.web.pages.shown.tiles import Tile, person_tile, tracklet_tile
from stca.web.state import ServerState

router = APIRouter()
CANDIDATES = 24
"""Persons to merge with that are shown at once."""


@router.get("/people/{number}")
def person(request: Request, number: int, of: str = "") -> Response:
    """The page of a person: of whoever the tracklet `of` is now, if it is given, else of the number."""
    snapshot = state_of(request).snapshot()
    moved = snapshot.person_of(of)
    if moved is not None and moved.number != number:
        return RedirectResponse(here(request).replace(f"/people/{number}", f"/people/{moved.number}", 1), 303)
    found = snapshot.person(number)
    first, last, _ = span(found.records)
    return render(
        request,
        "person.html",
        person=found,
        tile=person_tile(snapshot, found),
        sightings=[tracklet_tile(snapshot, record) for record in found.records],
        timelines=drawing.timelines(found.records),
        journey=drawing.journey(found.records),
        first=first,
        last=last,
        cameras=list(dict.fromkeys(record.camera for record in found.records)),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be the same person.

    Args:
        tile: who.
        score: the largest cosine between tracklets of both; None: not compared.
        together: whether both were seen by one camera at the same time, so that they may be two people.

    """

    tile: Tile
    score: float | None
    together: bool


@router.get("/people/{number}/merge")
def merge(request: Request, number: int, q: str = "", of: str = "") -> Response:
    """Choose whom a person is to be merged with."""
    state = state_of(request)
    snapshot = state.snapshot()
    found = snapshot.person_of(of) or snapshot.person(number)
    return render(
        request,
        "_merge.html" if request.headers.get("hx-request") == "true" else "merge.html",
        person=found,
        tile=person_tile(snapshot, found),
        q=q,
        candidates=candidates(state, snapshot, found, q),
    )


def candidates(state: ServerState, snapshot: Snapshot, found: Person, q: str) -> list[Candidate]:
    """Other persons, the most alike first, and last those who were seen together most of the time.

    Two who crossed each other's way for a moment keep their place: the tracker may have mixed them up. So do
    those of whom somebody said that they are the same.

    Args:
        state: the server's.
        snapshot: of the gallery.
        found: who is to be merged with one of them.
        q: part of a name, or a number; empty: everybody.

    """
    scores = _scores(state, found.records)
    others = [
        other for other in snapshot.persons.values() if other.number != found.number and _matches(other, q)
    ]
    others.sort(key=lambda other: (-_best(scores, other), other.number))
    others = others[: 3 * CANDIDATES]
    same = _said_to_be(state, found)
    together = {other.number: _together(found.records, other.records) for other in others}
    others.sort(
        key=lambda other: together[other.number] > 0.5 and same.isdisjoint(r.key for r in other.records)
    )
    return [
        Candidate(
            person_tile(snapshot, other),
            best if (best := _best(scores, other)) > -2 else None,
            together[other.number] > 0,
        )
        for other in others[:CANDIDATES]
    ]


def _scores(state: ServerState, records: Iterable[Record]) -> dict[str, float]:
    """The largest cosine of tracklets with some of a person's, by key; of those that a search finds."""
    scores: dict[str, float] = {}
    spread = sorted(records, key=lambda record: -record.frames)[:5]
    for record in spread or [longest(list(records))]:
        if (row := state.gallery.get(record.key)) is None:
            continue
        for hit in state.gallery.search(np.asarray(row[1]), 200):
            scores[hit.key] = max(scores.get(hit.key, -2.0), hit.score)
    return scores


def _best(scores: dict[str, float], person: Person) -> float:
    return max((scores.get(record.key, -2.0) for record in person.records), default=-2.0)


def _matches(person: Person, q: str) -> bool:
    return not q or q.casefold() in (person.name or "").casefold() or q.strip() == str(person.number)


def _said_to_be(state: ServerState, person: Person) -> set[str]:
    """Tracklets of which somebody said that they show a person."""
    keys = {record.key for record in person.records}
    pairs = [pair for pair in labelled_pairs(state.gallery.corrections()) if pair.same]
    return {each for pair in pairs if keys & {pair.key, pair.other} for each in (pair.key, pair.other)}


def _together(some: Sequence[Record], others: Sequence[Record]) -> float:
    """The share of the shorter one's time in which both were seen by one camera; more than 0 if at all."""
    shared = [_overlap(one, other) for one in some for other in others if one.overlaps(other)]
    shorter = min(sum(_overlap(each, each) for each in side) for side in (some, others))
    return sum(shared) / shorter if shared else 0.0


def _overlap(one: Record, other: Record) -> float:
    """Seconds that both have; those of one frame have some, too."""
    if one.first is None or one.last is None or other.first is None or other.last is None:
        return 0.0
    return max(min(one.last, other.last) - max(one.first, other.first), 1e-3)
