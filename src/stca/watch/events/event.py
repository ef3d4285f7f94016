"""What is said: somebody was seen, is lost, is the same person as, is somebody else after all, is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from stca.watch.clock import iso

Kind = Literal["seen", "lost", "same_person_as", "revised", "alert"]
"""seen: a tracklet began, of a person known or new.
lost: it ended.
same_person_as: why it is of a person who was seen before.
revised: a tracklet is of another person than was said, or of nobody.
alert: it is somebody for whom `--alert` asked.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

VERSION = 1
"""Of the schema; changes when a receiver must change."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Args:
        kind: see `Kind`.
        time: POSIX seconds: of what happened, not of when it was found out.
        camera: its name.
        tracklet: its key, as the gallery will have it.
        person: its number; None: nobody, where a tracklet was withdrawn.
        name: that people gave the person.
        more: what only this kind has, see `stca.watch.events.schema`.

    """

    kind: Kind
    time: float
    camera: str
    tracklet: str
    person: int | None
    name: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self, id_: str, said: float) -> dict[str, Any]:
        """As it is sent; `said` is when, POSIX seconds."""
        return {
            "version": VERSION,
            "id": id_,
            "kind": self.kind,
            "time": iso(self.time),
            "said": iso(said),
            "camera": self.camera,
            "tracklet": self.tracklet,
            "person": self.person,
            "name": self.name,
            **self.more,
        }
