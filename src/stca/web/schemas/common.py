"""What all parts share."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


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


class Health(Model):
    """Whether the server answers."""

    status: Literal["ok"]
    version: str
