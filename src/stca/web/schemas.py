"""What goes in and out of the interface below `/api/v1`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["accepted", "below"]
"""Whether a score reaches the gallery's threshold."""


class Model(BaseModel):
    """Base class: unknown entries are errors, numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    hint: str | None = Field(None, description="what to do")
    errors: list[dict[str, Any]] | None = Field(None, description="one entry per invalid value")


class Tracklet(Model):
    """One tracklet of the gallery."""

    key: str
    camera: str
    person: int | None = Field(description="number of the person; changes with every linking")
    name: str | None = Field(description="name that somebody gave the person")
    first: float | None = Field(description="seconds: POSIX where `clock` is empty, else since its beginning")
    last: float | None
    clock: str = Field(description="origin of the times: empty for POSIX time, else a video")
    when: str = Field(description="first to last time as text")
    frames: int = Field(description="number of crops")
    hidden: bool
    thumbnail: str = Field(description="address of a picture of it")
    play: str = Field(description="address of its crops as an animated picture")


class TrackletPage(Model):
    """Some tracklets, and where to go on."""

    items: list[Tracklet]
    next: str | None = Field(description="cursor of the next page; null on the last")
    total: int


class Person(Model):
    """A person: tracklets that linking or people put together."""

    number: int
    name: str | None
    tracklets: int
    cameras: list[str]
    first: float | None
    last: float | None
    clock: str
    when: str
    thumbnail: str


class PersonPage(Model):
    """Some persons, and where to go on."""

    items: list[Person]
    next: str | None
    total: int


class PersonDetail(Model):
    """A person with every sighting, in time order."""

    person: Person
    sightings: list[Tracklet]


class Camera(Model):
    """A camera of the gallery."""

    name: str
    tracklets: int
    first: float | None
    last: float | None
    clock: str
    when: str


class FrameQuery(Model):
    """A person in one frame of a video that was tracked."""

    camera: str = Field(description="folder of its tracks")
    frame: int = Field(ge=1, le=2**40, description="number, from 1")
    box: tuple[float, float, float, float] = Field(description="left, top, width, height in pixels")


class SearchRequest(Model):
    """Exactly one of key, vector, upload and frame says who is searched for."""

    key: str | None = Field(None, max_length=1000, description="of a tracklet in the gallery")
    vector: list[float] | None = Field(None, max_length=65536, description="from the gallery's model")
    upload: str | None = Field(None, max_length=100, description="id of an upload")
    frame: FrameQuery | None = None
    box: tuple[float, float, float, float] | None = Field(
        None, description="of the person in an uploaded picture or video frame: left, top, width, height"
    )
    image: int = Field(1, ge=1, le=10_000, description="number of the uploaded picture or frame of the box")
    k: int = Field(20, ge=1, le=200, description="maximum number of answers")
    cameras: list[str] | None = Field(None, max_length=1000)
    persons: list[int] | None = Field(None, max_length=1000)
    from_: float | None = Field(None, alias="from", description="seen at or after, in seconds")
    to: float | None = Field(None, description="seen at or before, in seconds")
    verdict: Verdict | None = Field(None, description="only answers with this verdict")


class Hit(Model):
    """An answer."""

    rank: int
    score: float = Field(description="cosine similarity, from -1 to 1")
    accepted: bool | None = Field(description="whether it reaches the threshold; null: there is none")
    judged: Literal["same", "different"] | None = Field(description="what somebody said of this answer")
    tracklet: Tracklet


class QueryOut(Model):
    """Who was searched for."""

    title: str
    tracklet: Tracklet | None = Field(description="where the query is a tracklet of the gallery")
    notes: list[str] = Field(description="what of a picture or video was used")


class SearchResult(Model):
    """Answers, best first, and whether the best one is the person."""

    query: QueryOut
    threshold: float | None
    verdict: Literal["somebody", "nobody", "unknown"]
    hits: list[Hit]


class GalleryInfo(Model):
    """What the gallery holds."""

    tracklets: int
    persons: int
    cameras: list[Camera]
    hidden: int
    model: str
    dim: int
    threshold: float | None
    far: float | None = Field(description="false-accept rate that the threshold is for")
    calibration: str | None = Field(description="where the threshold comes from")
    index: str
    bytes_on_disk: int


class SavedSearch(Model):
    """A search with a name."""

    id: int
    name: str
    created: float
    author: str
    request: SearchRequest


class SavedSearchIn(Model):
    """A search to be kept; only searches for a tracklet of the gallery can be."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    request: SearchRequest


class CorrectionIn(Model):
    """A correction; which other entries it needs depends on its kind."""

    kind: Literal["same", "different", "name", "merge", "take out", "split", "hide", "show"]
    keys: list[Annotated[str, Field(max_length=1000)]] = Field(
        [],
        max_length=10_000,
        description="same, different: the query; take out, split, hide, show: the tracklets",
    )
    others: list[Annotated[str, Field(max_length=1000)]] = Field(
        [], max_length=1, description="same, different: the answer"
    )
    person: int | None = Field(None, description="name: the person; merge: the person that stays")
    other_person: int | None = Field(None, description="merge: the person that becomes part of it")
    name: str | None = Field(None, description="name: 1 to 100 printable characters")


class Correction(Model):
    """An entry of the log of corrections."""

    id: int
    time: float
    kind: str
    keys: list[str]
    others: list[str]
    text: str
    author: str
    undone: float | None
    renumbered: bool = Field(description="whether persons were numbered anew since")


class CorrectionPage(Model):
    """Some corrections, newest first, and where to go on."""

    items: list[Correction]
    next: str | None
    total: int


class Health(Model):
    """Whether the server answers."""

    status: Literal["ok"]
    version: str


class AuditPage(Model):
    """Some lines of the audit log, newest first, and where to go on."""

    items: list[dict[str, Any]]
    next: str | None
    total: int


class SavedSearchPage(Model):
    """Some saved searches, newest first, and where to go on."""

    items: list[SavedSearch]
    next: str | None
    total: int


class Picture(Model):
    """A picture of an upload, encoded anew."""

    number: int = Field(description="from 1")
    width: int
    height: int
    address: str
    crop: bool = Field(description="whether it is shaped like a crop of one person, so that no box is needed")


class Upload(Model):
    """Pictures, or the frames of a video, that may be searched with."""

    id: str
    title: str
    kind: Literal["pictures", "video"]
    pictures: list[Picture]
    notes: list[str] = Field(description="what was left out, and why")
    expires: float = Field(description="POSIX seconds at which it is deleted")


class Video(Model):
    """A video of the server's folders."""

    name: str
    bytes: int
    modified: float
    added: bool = Field(description="whether its people are in the gallery")


class JobIn(Model):
    """Videos to be tracked and added."""

    videos: list[Annotated[str, Field(max_length=1000)]] = Field(min_length=1, max_length=100)
    start: float | None = Field(None, description="when they began, POSIX seconds; null: not known")


class Job(Model):
    """Videos being tracked and added."""

    id: int
    created: float
    videos: list[str]
    state: Literal["queued", "running", "paused", "done", "failed", "cancelled"]
    stage: str
    progress: float = Field(description="from 0 to 1")
    frames: int
    frames_per_second: float | None
    seconds_left: float | None
    message: str
    error: str | None


class JobPage(Model):
    """Some jobs, newest first, and where to go on."""

    items: list[Job]
    next: str | None
    total: int
