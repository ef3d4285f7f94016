"""Signatures of classes whose initialiser hands keywords on to its base class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping


def full_signature(cls: type, defaults: Mapping[str, object] | None = None) -> inspect.Signature:
    """The keywords that `cls(...)` takes: its own, and where it hands `**options` on, those of its base.

    Options of a model are looked up and checked by their names, which `**options` does not tell.

    Args:
        cls: a class whose initialiser takes keywords only.
        defaults: of keywords, where the class has its own.

    """
    found: dict[str, inspect.Parameter] = {}
    for each in cls.__mro__:
        if "__init__" not in vars(each):
            continue
        _, *parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY:
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    for name in found.keys() & (defaults or {}).keys():
        found[name] = found[name].replace(default=(defaults or {})[name])
    return inspect.Signature(list(found.values()))
