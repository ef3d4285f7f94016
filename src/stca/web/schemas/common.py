"""What all parts share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Integer = Annotated[int, Field(strict=True)]
"""A number of JSON: neither true nor a text."""
Real = Annotated[float, Field(strict=True)]
"""Likewise."""
Pixels = Annotated[float, Field(strict=True, ge=-1e6, le=1e6)]


class Model(BaseModel):
    """Base class: unknown entries are errors, numbers are finite, text can be encoded."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_surrogates(cls, given: Any) -> Any:
        """JSON can hold half of a character (as an escape); no file, log or answer can."""
        left = [given]
        while left:
            value = left.pop()
            if isinstance(value, str) and not value.isascii():
                if any("\ud800" <= letter <= "\udfff" for letter in value):
                    raise ValueError("a text has a lone surrogate, which is no character")
            elif isinstance(value, dict):
                left += [*value.keys(), *value.values()]
            elif isinstance(value, list | tuple):
                left += [each for each in value if isinstance(each, str | dict | list | tuple)]
        return given


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
