"""Tracklets, persons and cameras."""

from __future__ import annotations

from pydantic import Field

from stca.web.schemas.common import Model


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
    calibrated: float | None = Field(description="POSIX seconds at which the threshold was found")
    numbering: int = Field(description="how often persons were numbered anew (`SearchRequest.numbering`)")
    index: str
    bytes_on_disk: int
