"""Searches and their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from stca.errors import GalleryError
from stca.gallery.corrections.correction import require_words
from stca.web.schemas.common import Integer, Model, Pixels, Real
from stca.web.schemas.gallery import Tracklet

Verdict = Literal["accepted", "below"]
"""Whether a score reaches the gallery's threshold."""


class FrameQuery(Model):
    """A person in one frame of a video that was tracked."""

    camera: str = Field(description="folder of its tracks")
    frame: Integer = Field(ge=1, le=2**40, description="number, from 1")
    box: tuple[Pixels, Pixels, Pixels, Pixels] = Field(description="left, top, width, height in pixels")


class SearchRequest(Model):
    """Exactly one of key, vector, upload and frame says who is searched for."""

    key: str | None = Field(None, max_length=1000, description="of a tracklet in the gallery")
    vector: list[Real] | None = Field(None, max_length=65536, description="from the gallery's model")
    upload: str | None = Field(None, max_length=100, description="id of an upload")
    frame: FrameQuery | None = None
    box: tuple[Pixels, Pixels, Pixels, Pixels] | None = Field(
        None, description="of the person in an uploaded picture or video frame: left, top, width, height"
    )
    image: Integer = Field(
        1, ge=1, le=10_000, description="number of the uploaded picture or frame of the box"
    )
    k: Integer = Field(20, ge=1, le=200, description="maximum number of answers")
    cameras: list[str] | None = Field(None, max_length=1000)
    persons: list[Integer] | None = Field(None, max_length=1000)
    numbering: Integer | None = Field(
        None,
        description="that the numbers of `persons` are of (`GalleryInfo.numbering`): refused with status 409 "
        "when people were numbered anew since; null: not checked",
    )
    from_: Real | None = Field(None, alias="from", description="seen at or after, in seconds")
    to: Real | None = Field(None, description="seen at or before, in seconds")
    verdict: Verdict | None = Field(None, description="only answers with this verdict")


class Hit(Model):
    """An answer."""

    rank: int
    score: float = Field(description="cosine similarity, from -1 to 1")
    accepted: bool | None = Field(
        description="whether it is taken for the same person: people said so, else it reaches the threshold, "
        "and no camera saw it together with the query; null: there is no threshold"
    )
    at_once: bool = Field(
        description="whether one camera saw it together with the query, so that it is taken for somebody else"
    )
    said: Literal["same", "different"] | None = Field(
        description="what follows from all that people said; null: nothing"
    )
    judged: Literal["same", "different"] | None = Field(description="what somebody said of this answer")
    tracklet: Tracklet


class QueryOut(Model):
    """Who was searched for."""

    title: str
    tracklet: Tracklet | None = Field(description="where the query is a tracklet of the gallery")
    notes: list[str] = Field(description="what of a picture or video was used")


class SearchResult(Model):
    """Answers, best first, and whether one of them is the person."""

    query: QueryOut
    threshold: float | None
    verdict: Literal["somebody", "nobody", "unknown"]
    hits: list[Hit]


class SavedSearch(Model):
    """A search with a name."""

    id: int
    name: str
    created: float
    author: str
    request: SearchRequest


def _words(name: str) -> str:
    """A name as persons have: printable, without space at either end, and without what turns text around."""
    try:
        require_words("name", name, least=1)
    except GalleryError as error:
        raise ValueError(f"a name has {error.expected}") from None
    return name


class SavedSearchIn(Model):
    """A search to be kept; only searches for a tracklet of the gallery can be."""

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_words)]
    request: SearchRequest


class NewAnswers(Model):
    """Answers to a saved search that reach the threshold and came since it was last looked through."""

    hits: list[Hit]
    row: int = Field(description="the newest of the gallery now, for `POST /searches/{number}/seen`")


class Seen(Model):
    """Up to where the answers to a saved search were looked through."""

    row: Annotated[int, Field(strict=True, ge=0, le=2**62)] = Field(description="of `NewAnswers`")


class SavedSearchPage(Model):
    """Some saved searches, newest first, and where to go on."""

    items: list[SavedSearch]
    next: str | None
    total: int
