"""Uploads, videos and jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stca.web.schemas.common import Model, Real


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
    camera: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="name of the one video's camera; null: the video's name"
    )
    start: Real | None = Field(None, description="when they began, POSIX seconds; null: not known")
    link: bool = Field(True, description="whether persons are linked at the end")


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
