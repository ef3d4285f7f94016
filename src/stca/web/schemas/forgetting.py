"""Forgetting tracklets for good."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stca.web.schemas.common import Integer, Model


class ForgetIn(Model):
    """Which tracklets to forget."""

    keys: list[Annotated[str, Field(max_length=1000)]] = Field(min_length=1, max_length=10_000)
    person: Integer | None = Field(
        default=None,
        description="whose tracklets these are, all of them; the name is forgotten too. Refused (409) where "
        "the person has others by now",
    )
    dry_run: bool = Field(default=False, strict=True, description="only say what would be erased")


class Forgotten(Model):
    """What was erased, or would be."""

    keys: list[str]
    crops: int = Field(description="files")
    corrections: int = Field(description="entries of the log that lost a tracklet, or went")
    searches: int = Field(description="saved ones, for one of the tracklets")
    audit_lines: int = Field(description="that named one of the tracklets")
    uploads: int = Field(description="all that there are: whom they show is not known")
    events: int = Field(description="of `stca watch`")
    index_files: int = Field(description="that held codes of the vectors; the index is built anew")
    left: list[str] = Field(description="what is not erased, and why; index files too")
    tried_again: list[str] = Field(
        description="what of it the gallery has a note of: every later forgetting tries it again"
    )
