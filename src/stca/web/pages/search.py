"""Answers to a search: the query beside them, the verdict, filters that stand in the address."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import Response

from stca.errors import StcaError
from stca.gallery.corrections.correction import require_words
from stca.web import actions, schemas, searching
from stca.web.api.common import state_of
from stca.web.listing import Snapshot
from stca.web.pages.shown import drawing, words
from stca.web.pages.shown.rendering import address, go, render, user_of
from stca.web.pages.shown.tiles import frame_url
from stca.web.pages.wall import everybody_of
from stca.web.problems import WebError, status_of
from stca.web.state import ServerState

router = APIRouter()
FEWEST, MOST = 24, 192
"""Answers on a page at first, and at most."""
MOST_PICTURES = 8
"""Of an upload that are shown beside the answers."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What shows a query that is no tracklet of the gallery.

    Args:
        image: address of a picture.
        box: left, top, width, height of the person in it; None: the whole of it.
        size: width and height of the picture that the box is in.

    """

    image: str
    box: tuple[float, float, float, float] | None = None
    size: tuple[int, int] | None = None


@router.get("/search")
def search(request: Request) -> Response:
    """Search, and show the answers."""
    state = state_of(request)
    params = request.query_params
    snapshot = state.snapshot()
    strip = snapshot.kept("strip", _strip)
    asked = _without_open_ends(request_of(params), strip)
    try:
        result = searching.search(state, asked, user_of(request))
    except StcaError as error:
        if asked.upload is None or status_of(error) != 422:
            raise
        return _which(request, asked, error)
    return render(
        request,
        "_results.html" if _only_results(request) else "search.html",
        result=result,
        asked=asked,
        strip=strip,
        chosen=strip.chosen(asked.from_, asked.to) if strip else None,
        cameras=snapshot.kept("wall", everybody_of).cameras,
        persons=_persons(snapshot, asked, result),
        numbering=state.gallery.linkings(),
        pictures=_pictures(state, asked),
        hidden_fields=_query_fields(params),
        accepted=sum(bool(hit.accepted) for hit in result.hits),
        elsewhere=_elsewhere(state, asked, result),
        all_shown=_answers(result) < asked.k,
        digits=words.digits([hit.score for hit in result.hits], result.threshold),
        more=_more(params, asked, result),
        name=_name(snapshot, result),
    )


def _which(request: Request, asked: schemas.SearchRequest, error: StcaError) -> Response:
    """Ask for a box, where an upload shows nobody, or several people."""
    pictures = upload_pictures(state_of(request), asked.upload or "")
    return render(
        request,
        "which.html",
        status=422,
        error=error.what,
        upload=asked.upload,
        pictures=pictures,
        image=min(asked.image, len(pictures)),
        box=asked.box,
    )


@router.post("/saved")
def save(request: Request, name: Annotated[str, Form()], query: Annotated[str, Form()]) -> Response:
    """Keep a search with a name."""
    asked = request_of(QueryParams(query))
    require_words("name", name := name.strip(), least=1)
    actions.save_search(state_of(request), user_of(request), name, asked)
    return go(request, "/saved")


def request_of(params: QueryParams) -> schemas.SearchRequest:
    """The search that an address means.

    Raises:
        WebError: it means none.

    """
    one = {
        name: params.get(name) or None
        for name in ("key", "upload", "from", "to", "verdict", "image", "k", "numbering")
    }
    given: dict[str, Any] = {name: value for name, value in one.items() if value is not None}
    given["k"] = given.get("k", FEWEST)
    for name in ("cameras", "persons"):
        if values := [value for value in params.getlist(name) if value]:
            given[name] = values
    box = params["box"].split(",") if params.get("box") else None
    if params.get("camera"):
        given["frame"] = {"camera": params["camera"], "frame": params.get("frame"), "box": box}
    elif box:
        given["box"] = box
    try:
        return schemas.SearchRequest.model_validate(given, strict=False)  # an address is all text
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WebError("This is no search", status=422, found=f"{where}: {first['msg']}") from None


def search_address(asked: schemas.SearchRequest) -> str:
    """The address of a search, so that it can be sent to somebody."""
    frame = asked.frame
    box = frame.box if frame else asked.box
    return address(
        "/search",
        key=asked.key,
        upload=asked.upload,
        camera=frame.camera if frame else None,
        frame=frame.frame if frame else None,
        box=",".join(f"{value:g}" for value in box) if box else None,
        cameras=asked.cameras,
        persons=asked.persons,
        numbering=asked.numbering if asked.persons else None,
        from_=asked.from_,
        to=asked.to,
        verdict=asked.verdict,
    )


def _elsewhere(state: ServerState, asked: schemas.SearchRequest, result: schemas.SearchResult) -> bool:
    """Whether another camera than the query's saw the person; so it is said of a query of no camera."""
    if result.query.tracklet is not None:
        camera = result.query.tracklet.camera
    elif asked.frame is not None:
        camera = state.footage.video(asked.frame.camera).camera
    else:
        return True
    return any(hit.accepted and hit.tracklet.camera != camera for hit in result.hits)


def _strip(snapshot: Snapshot) -> drawing.Strip | None:
    """When everybody was seen who is not hidden."""
    return drawing.strip([r for key, r in snapshot.records.items() if key not in snapshot.hidden])


def _without_open_ends(asked: schemas.SearchRequest, strip: drawing.Strip | None) -> schemas.SearchRequest:
    """Without times at the ends of the strip: a slider that nobody moved asks for nothing."""
    if strip is None:
        return asked
    changed = {
        "from_": None if asked.from_ is not None and asked.from_ <= strip.first else asked.from_,
        "to": None if asked.to is not None and asked.to >= strip.last else asked.to,
    }
    return asked.model_copy(update=changed)


def _only_results(request: Request) -> bool:
    return request.headers.get("hx-target") == "results"


def _persons(
    snapshot: Snapshot, asked: schemas.SearchRequest, result: schemas.SearchResult
) -> list[tuple[int, str | None, int, bool]]:
    """(number, name, answers, chosen) of persons among the answers, and of those chosen already."""
    counts = Counter(hit.tracklet.person for hit in result.hits if hit.tracklet.person is not None)
    chosen = [number for number in asked.persons or () if number not in counts]
    found = []
    for number in [*chosen, *(number for number, _ in counts.most_common(8))]:
        person = snapshot.persons.get(number)
        if person is not None:
            found.append((number, person.name, counts[number], number in (asked.persons or ())))
    return found


def _pictures(state: ServerState, asked: schemas.SearchRequest) -> list[Picture]:
    if asked.frame is not None:
        video = state.footage.video(asked.frame.camera)
        address = frame_url(asked.frame.camera, asked.frame.frame)
        return [Picture(address, asked.frame.box, (video.width, video.height))]
    if asked.upload is None:
        return []
    found = upload_pictures(state, asked.upload)
    if asked.box is not None:
        return [replace(found[asked.image - 1], box=asked.box)]
    step = max(1, -(-len(found) // MOST_PICTURES))
    return found[::step]


def upload_pictures(state: ServerState, upload: str) -> list[Picture]:
    """All pictures of an upload."""
    return [
        Picture(f"/media/upload/{upload}/{number}", None, (picture.width, picture.height))
        for number, picture in enumerate(state.uploads.get(upload).pictures, start=1)
    ]


def _query_fields(params: QueryParams) -> list[tuple[str, str]]:
    """Who is searched for, as fields of the form of filters."""
    names = ("key", "upload", "image", "camera", "frame", "box")
    return [(name, params[name]) for name in names if params.get(name)]


def _answers(result: schemas.SearchResult) -> int:
    """How many count in `k`."""
    return sum(not hit.at_once for hit in result.hits)


def _more(params: QueryParams, asked: schemas.SearchRequest, result: schemas.SearchResult) -> str | None:
    """The address with twice as many answers; None where there are no more."""
    if _answers(result) < asked.k or asked.k >= MOST:
        return None
    values: dict[str, object] = {name: params.getlist(name) for name in params if name not in ("k", "done")}
    return address("/search", **values, k=min(asked.k * 2, MOST))


def _name(snapshot: Snapshot, result: schemas.SearchResult) -> str | None:
    """Of the person searched for."""
    return result.query.tracklet.name if result.query.tracklet else None
