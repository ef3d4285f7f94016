"""Addresses of pictures, and of why an answer is one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from stca.gallery.records import Record
from stca.linking.persons import Person
from stca.web.api.common import PROBLEMS, State
from stca.web.media import out, pictures
from stca.web.media.cache import PICTURES
from stca.web.media.pictures import Encoded
from stca.web.problems import not_found
from stca.web.state import ServerState

_CACHE = "private, no-cache"
"""Browsers keep a picture, and ask each time whether it is the same still, and theirs to see."""
Number = Annotated[int, Path(ge=1, le=2**40)]
Upload = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Etag = Annotated[str | None, Header(alias="If-None-Match", max_length=2000)]
Of = Annotated[
    str | None, Query(max_length=1000, description="key of a tracklet of the person that is meant")
]
Answer = Annotated[str | None, Query(max_length=1000, description="key of a tracklet it is compared with")]


def _sends(*kinds: str) -> dict[str, Any]:
    """How a route that sends a file is documented."""
    content: dict[str, dict[str, Any]] = {kind: {} for kind in kinds}
    responses: dict[int | str, dict[str, Any]] = {
        200: {"description": "The file", "content": content},
        304: {"description": "The browser has it"},
    }
    return {"response_class": Response, "responses": responses}


router = APIRouter(tags=["media"], responses=PROBLEMS)

# ---- tracklets ----


@router.get("/media/thumbnail/{key:path}", **_sends("image/jpeg"))
def get_thumbnail(state: State, key: str, seen: Etag = None) -> Response:
    """The best crop of a tracklet, 256 pixels high at most."""
    return _crops(state.snapshot().record(key), "thumbnail", pictures.thumbnail, seen)


@router.get("/media/play/{key:path}", **_sends("image/webp"))
def get_playing(state: State, key: str, seen: Etag = None) -> Response:
    """Up to 24 crops of a tracklet as an animated picture, in their real rhythm."""
    return _crops(state.snapshot().record(key), "play", pictures.playing, seen)


@router.get("/media/crop/{number}/{key:path}", **_sends("image/jpeg"))
def get_crop(state: State, number: Number, key: str, seen: Etag = None) -> Response:
    """One of the usable crops of a tracklet, from 1."""
    record = state.snapshot().record(key)
    return _crops(record, f"crop {number}", lambda found: pictures.crop(found, number), seen)


def _crops(record: Record, kind: str, make: Callable[[Record], Encoded], seen: str | None) -> Response:
    key = kind, record.key, record.content, str(record.folder)
    media = "image/webp" if kind == "play" else "image/jpeg"
    return _file(PICTURES.make(key, lambda: make(record).data), media, seen)


# ---- whole frames ----


@router.get("/media/frame/{camera}/{number}", **_sends("image/jpeg"))
def get_frame(
    state: State,
    camera: str,
    number: Number,
    width: Annotated[int, Query(ge=64, le=pictures.FRAME[0], description="at most, in pixels")] = 1280,
    seen: Etag = None,
) -> Response:
    """A whole frame of a tracked video; the header X-Frame-Size has its true size, which boxes refer to."""
    video = state.footage.video(camera)
    size = {"X-Frame-Size": f"{video.width}x{video.height}"}
    status = video.path.stat()
    key = "frame", str(video.path), status.st_size, status.st_mtime_ns, number, width
    tag = _digest(repr(key).encode())
    if (data := PICTURES.get(key)) is None and not _has(seen, tag):
        made = pictures.jpeg(video.image(number), (width, pictures.FRAME[1]))
        data = PICTURES.put(key, made.data)
    return _file(data or b"", "image/jpeg", seen, tag=tag, headers=size)


@router.get("/media/upload/{upload}/{number}", **_sends("image/jpeg"))
def get_upload(state: State, upload: Upload, number: Number, seen: Etag = None) -> Response:
    """One of the pictures that an upload was made into, from 1; X-Frame-Size as for frames."""
    found = state.uploads.get(upload).pictures
    if number > len(found):
        raise not_found("There is no such picture", expected=f"1 to {len(found)}", found=number)
    picture = found[number - 1]
    try:
        data = picture.path.read_bytes()
    except OSError as error:  # it was removed a moment ago
        raise not_found("This picture is gone", found=number) from error
    return _file(data, "image/jpeg", seen, headers={"X-Frame-Size": f"{picture.width}x{picture.height}"})


# ---- persons ----


def _person(state: ServerState, number: int, key: str | None) -> Person:
    """Whoever a tracklet is of now, or without one the person of a number."""
    if key is None:
        return state.snapshot().person(number)
    found = state.snapshot().person_of(key)
    if found is None:
        raise not_found("This person is no more", found=key, hint="start again from the people")
    return found


@router.get("/media/sheet/{person}.png", **_sends("image/png"))
def get_sheet(state: State, person: int, of: Of = None, seen: Etag = None) -> Response:
    """A person's contact sheet as PNG."""
    from stca.web.media import sheets  # slow to import: figures

    data = sheets.sheet_png(_person(state, person, of))
    return _file(data, "image/png", seen, name=f"person-{person}.png")


@router.get("/media/sheet/{person}.pdf", **_sends("application/pdf"))
def get_sheet_pdf(state: State, person: int, of: Of = None, seen: Etag = None) -> Response:
    """A person's contact sheet as PDF."""
    from stca.web.media import sheets

    data = sheets.sheet_pdf(_person(state, person, of))
    return _file(data, "application/pdf", seen, name=f"person-{person}.pdf")


@router.get("/media/sightings/{person}.csv", **_sends("text/csv"))
def get_sightings(state: State, person: int, of: Of = None, seen: Etag = None) -> Response:
    """A person's sightings as CSV."""
    from stca.web.media import sheets

    data = sheets.sightings_csv(_person(state, person, of).records).encode()
    return _file(data, "text/csv; charset=utf-8", seen, name=f"person-{person}.csv")


# ---- why ----


@router.get("/api/v1/why/{key:path}", tags=["why"])
def get_why(state: State, key: str, answer: Answer = None) -> out.WhyOut:
    """Where the network looked in a tracklet and an answer, what each crop counts, how sure the score is."""
    return out.WhyOut.model_validate_json(_why(state, key, answer)[0])


@router.get("/media/why/{key:path}", **_sends("image/webp"))
def get_why_picture(state: State, key: str, answer: Answer = None, seen: Etag = None) -> Response:
    """The crops of a tracklet, and of an answer, with what the network saw over them."""
    picture = _why(state, key, answer)[1]
    if not picture:
        raise not_found("What the network saw cannot be shown", found=key, hint=f"/api/v1/why/{key} says why")
    return _file(picture, "image/webp", seen)


def _why(state: State, key: str, answer: str | None) -> tuple[bytes, bytes]:
    """As JSON, and its picture (empty: none); computed once for both, and again after a change."""
    place = "why", str(state.gallery.where), str(state.gallery.version()), key, answer
    said, picture = PICTURES.get((*place, "said")), PICTURES.get((*place, "picture"))
    if said is None or picture is None:
        from stca.web.media.why import explain  # slow to import: figures

        found, drawn = explain(state, key, answer)
        said = PICTURES.put((*place, "said"), found.model_dump_json().encode())
        picture = PICTURES.put((*place, "picture"), drawn or b"")
    return said, picture


# ---- sending ----


def _file(
    data: bytes,
    kind: str,
    seen: str | None,
    *,
    tag: str | None = None,
    name: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A file, or only that the browser has it; `name` is what it is saved as."""
    tag = tag or _digest(data)
    sent = {"ETag": tag, "Cache-Control": _CACHE, **(headers or {})}
    if _has(seen, tag):
        return Response(status_code=304, headers=sent)
    if name is not None:
        sent["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(data, media_type=kind, headers=sent)


def _digest(data: bytes) -> str:
    return f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'


def _has(seen: str | None, tag: str) -> bool:
    return seen is not None and (seen.strip() == "*" or tag in seen.replace("W/", "").split(", "))
