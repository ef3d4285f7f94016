"""What `stca watch` sees now."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stca.web.schemas.common import Model


class LivePerson(Model):
    """Somebody in view."""

    person: int = Field(description="number; may be revised")
    name: str | None
    tracklet: str = Field(description="key that the gallery will have")
    since: float = Field(description="POSIX seconds")


class LiveCamera(Model):
    """A camera that is watched."""

    name: str
    state: Literal["starting", "connecting", "playing", "lost", "failed", "ended"]
    why: str = Field(description="more about lost and failed")
    dropped: int = Field(description="frames left out because it was too much")
    people: list[LivePerson]


class Live(Model):
    """Cameras, who is in view, and the latest events."""

    watching: bool = Field(description="whether `stca watch` fills this gallery now")
    seen: float | None = Field(description="POSIX seconds of its last sign of life")
    cameras: list[LiveCamera]
    events: list[dict[str, Any]] = Field(description="the latest first, as events.schema.json says")
