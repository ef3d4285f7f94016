"""Corrections by people, and the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stca.web.schemas.common import Integer, Model


class CorrectionIn(Model):
    """A correction; which other entries it needs depends on its kind."""

    kind: Literal["same", "different", "name", "merge", "take out", "split", "hide", "show"]
    keys: list[Annotated[str, Field(max_length=1000)]] = Field(
        [],
        max_length=10_000,
        description="same, different: the query; take out, split, hide, show: the tracklets; name, merge: "
        "some tracklets of the person, by which a number of before a new linking is refused",
    )
    others: list[Annotated[str, Field(max_length=1000)]] = Field(
        [],
        max_length=10_000,
        description="same, different: the answer; merge: some tracklets of the other person",
    )
    person: Integer | None = Field(None, description="name: the person; merge: the person that stays")
    other_person: Integer | None = Field(None, description="merge: the person that becomes part of it")
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


class AuditPage(Model):
    """Some lines of the audit log, newest first, and where to go on."""

    items: list[dict[str, Any]]
    next: str | None
    total: int
