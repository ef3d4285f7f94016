"""Answer a search: find its vector, search the gallery, add verdicts and what people said of the answers."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from stca.gallery import Hit, Query, Record, embed
from stca.gallery.query import open_query
from stca.gallery.records import first_hits
from stca.gallery.unit_vectors import unit_vectors
from stca.web import schemas
from stca.web.access.tokens import User
from stca.web.listing import Filters, Snapshot
from stca.web.problems import WebError
from stca.web.state import ServerState

_MOST = 200
"""Answers that are looked through where some of them are left out afterwards."""


@dataclass(frozen=True)
class _Asked:
    """A query as a vector.

    Args:
        vector: (D,).
        title: what it is, for people.
        record: where it is a tracklet of the gallery.
        notes: what of a picture or video was used.

    """

    vector: Float32[np.ndarray, " D"]
    title: str
    record: Record | None = None
    notes: tuple[str, ...] = ()


def search(state: ServerState, request: schemas.SearchRequest, who: User) -> schemas.SearchResult:
    """Answer somebody's search, once it is in the audit log.

    Raises:
        StcaError: as `run_search`; the audit log cannot be written.

    """
    asked = request.model_dump(by_alias=True, exclude_none=True, exclude={"vector"})
    if request.vector is not None:
        asked["vector"] = len(request.vector)  # a vector is somebody's likeness
    state.audit.write(who.name, who.role, "search", **asked)
    return run_search(state, request)


def run_search(state: ServerState, request: schemas.SearchRequest) -> schemas.SearchResult:
    """Answer a search.

    Raises:
        WebError: not exactly one query, or a key, upload or video that there is not.
        StcaError: a query that shows nobody or several people; a vector of another dimension.

    """
    snapshot = state.snapshot()
    filters = Filters(
        None if request.cameras is None else frozenset(request.cameras),
        None if request.persons is None else frozenset(request.persons),
        request.from_,
        request.to,
    )
    check_request(request)
    require_numbering(state, request)
    asked = _asked(state, snapshot, request)
    hits = _hits(state, snapshot, asked, request, filters)
    calibration = state.gallery.calibration()
    return schemas.SearchResult(
        query=schemas.QueryOut(
            title=asked.title,
            tracklet=None if asked.record is None else snapshot.tracklet_out(asked.record),
            notes=list(asked.notes),
        ),
        threshold=None if calibration is None else calibration.threshold,
        verdict=_verdict(hits),
        hits=_shown(state, snapshot, asked, hits, request),
    )


def check_request(request: schemas.SearchRequest) -> None:
    """Raise WebError (422) for a search that no gallery can answer."""
    if request.from_ is not None and request.to is not None and request.from_ > request.to:
        raise WebError("The time range ends before it begins", status=422, expected="from <= to")
    given = [name for name in ("key", "vector", "upload", "frame") if getattr(request, name) is not None]
    if len(given) != 1:
        raise WebError(
            "A search needs one query",
            status=422,
            expected="one of key, vector, upload and frame",
            found=", ".join(given) or "none",
        )
    if request.box is not None and request.upload is None:
        raise WebError("A box is for an upload", status=422, hint="the box of a video frame is in `frame`")


def _is_right(request: schemas.SearchRequest) -> bool:
    try:
        check_request(request)
    except WebError:
        return False
    return True


def is_numbering(state: ServerState, request: schemas.SearchRequest) -> bool:
    """Whether the persons that a search means have the numbers that they had when they were chosen."""
    checked = bool(request.persons) and request.numbering is not None
    return not checked or request.numbering == state.gallery.linkings()


def require_numbering(state: ServerState, request: schemas.SearchRequest) -> None:
    """Raise WebError (409) where a search means persons by numbers that are others' by now."""
    if not is_numbering(state, request):
        raise WebError(
            "People were numbered anew since they were chosen",
            status=409,
            found=f"persons {', '.join(map(str, request.persons or ()))}",
            hint="search without them, and choose them again among the answers",
        )


class SavedAnswers:
    """The answers to saved searches, searched again only after a change of the gallery.

    Args:
        state: of the server.

    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._version: object = None
        self._found: list[tuple[schemas.SavedSearch, schemas.SearchResult]] = []

    def now(self) -> list[tuple[schemas.SavedSearch, schemas.SearchResult]]:
        """Every saved search and its answers.

        Left out are those whose tracklet is gone, or that mean persons who were numbered anew since, and
        those that cannot be answered, which earlier versions kept.
        """
        with self._lock:
            saved = self._state.saved.all()
            version = self._state.gallery.version(), tuple(each.id for each in saved)
            if version != self._version:
                known = self._state.snapshot().records
                self._found = [
                    (each, run_search(self._state, each.request))
                    for each in saved
                    if each.request.key in known
                    and is_numbering(self._state, each.request)
                    and _is_right(each.request)
                ]
                self._version = version
            return self._found

    def new(self) -> dict[int, list[schemas.Hit]]:
        """By saved search, the answers that reach the threshold and came since it was last looked through."""
        seen, store = self._state.saved.seen(), self._state.numbered
        if store is None:
            return {}
        return {
            search.id: [
                hit
                for hit in result.hits
                if hit.accepted and (store.number_of(hit.tracklet.key) or 0) > seen.get(search.id, 0)
            ]
            for search, result in self.now()
        }


def _verdict(hits: list[Hit]) -> Literal["somebody", "nobody", "unknown"]:
    """Of all answers: the best one that no camera saw together with the query decides."""
    if hits and hits[0].accepted is None:
        return "unknown"
    return "somebody" if any(hit.accepted for hit in hits) else "nobody"


def _hits(
    state: ServerState,
    snapshot: Snapshot,
    asked: _Asked,
    request: schemas.SearchRequest,
    filters: Filters,
) -> list[Hit]:
    """Best first; the query's own tracklet is not among them."""
    queries = () if asked.record is None else (asked.record,)
    if filters.persons is not None:
        return _among_persons(state, snapshot, asked, filters, queries)
    time = None
    if filters.first is not None or filters.last is not None:
        time = (
            -math.inf if filters.first is None else filters.first,
            math.inf if filters.last is None else filters.last,
        )
    cameras = None if filters.cameras is None else sorted(filters.cameras)
    many = request.k if request.verdict is None else _MOST
    return state.gallery.search(asked.vector, many, cameras=cameras, time=time, queries=queries)


def _among_persons(
    state: ServerState, snapshot: Snapshot, asked: _Asked, filters: Filters, queries: Sequence[Record]
) -> list[Hit]:
    """Exact search among the tracklets of some persons, of whom the index knows nothing."""
    unit = unit_vectors(asked.vector[None], dim=state.gallery.fingerprint.dim, where=state.gallery.where)[0]
    rows = []
    for record in snapshot.records.values():
        if record.key in snapshot.hidden or not filters.match(record):
            continue
        if (found := state.gallery.get(record.key)) is not None:
            rows.append((record, float(found[1] @ unit)))
    rows.sort(key=lambda row: (-row[1], row[0].key))
    return state.gallery.rated(rows, queries=queries)


def _shown(
    state: ServerState, snapshot: Snapshot, asked: _Asked, hits: list[Hit], request: schemas.SearchRequest
) -> list[schemas.Hit]:
    """Those with the wanted verdict, `k` at most, as the interface gives them."""
    if request.verdict is not None:
        hits = [hit for hit in hits if hit.accepted is (request.verdict == "accepted")]
    said = {} if asked.record is None else state.judgements(asked.record.key)
    return [
        schemas.Hit(
            rank=hit.rank,
            score=hit.score,
            accepted=hit.accepted,
            at_once=hit.at_once,
            said=None if hit.said is None else "same" if hit.said else "different",
            judged=_judged(said, hit.key),
            tracklet=snapshot.tracklet_out(snapshot.records.get(hit.key, hit.record)),
        )
        for hit in first_hits(hits, request.k)
    ]


def _judged(said: Mapping[str, bool], key: str) -> Literal["same", "different"] | None:
    return None if key not in said else "same" if said[key] else "different"


# ---- the query ----


def _asked(state: ServerState, snapshot: Snapshot, request: schemas.SearchRequest) -> _Asked:
    if request.key is not None:
        record = snapshot.record(request.key)
        found = state.gallery.get(request.key)
        if found is None:  # removed a moment ago
            raise WebError("There is no such tracklet", status=404, found=request.key)
        return _Asked(found[1], record.key, record)
    if request.vector is not None:
        return _Asked(np.asarray(request.vector, dtype=np.float32), "a vector")
    with tempfile.TemporaryDirectory(prefix="stca-query-") as work:
        if request.upload is not None:
            title = state.uploads.title(request.upload)
            query = state.uploads.query(request.upload, Path(work), image=request.image, box=request.box)
        else:
            assert request.frame is not None
            video = state.footage.video(request.frame.camera)
            title = f"{request.frame.camera}, frame {request.frame.frame}"
            photo, box = video.photo(request.frame.frame), request.frame.box
            if photo is not None:
                query = open_query([photo], Path(work), box=box)
            else:
                seconds = video.seconds(request.frame.frame)
                query = open_query([video.path], Path(work), box=box, at=seconds)
        return _Asked(_embedded(state, query), title, notes=query.notes)


def _embedded(state: ServerState, query: Query) -> Float32[np.ndarray, " D"]:
    with state.model_lock:
        vectors = embed(state.gallery, state.model(), [query.found], batch_size=16, workers=0)
    vector: Float32[np.ndarray, " D"] = vectors[0]
    return vector
