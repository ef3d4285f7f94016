"""Every English text of the pages, from one file, `texts.toml`."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from types import MappingProxyType

TEXTS = MappingProxyType(tomllib.loads(files("stca.web").joinpath("texts.toml").read_text(encoding="utf-8")))
"""By the name that the templates use."""


def text(name: str, /, **values: object) -> str:
    """A text with its values filled in; of two forms, the first is for a value `n` of 1.

    Raises:
        KeyError: there is no such text, or a value is missing.

    """
    form: str = TEXTS[name]
    if "|" in form:
        form = form.split("|")[0 if values.get("n") == 1 else 1]
    if isinstance(number := values.get("n"), int):
        values["n"] = f"{number:,}"
    return form.format_map(values) if values else form
