"""Signatures of classes whose initialiser hands keywords on to its base class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping


class ClassSignature:
    """`__signature__` of a class, but not of its instances, which may be called themselves.

    Args:
        make: from the class to its signature.

    """

    def __init__(self, make: Callable[[type], inspect.Signature]) -> None:
        self._make = make

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return self._make(owner)


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
            if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                found.setdefault(parameter.name, parameter.replace(kind=parameter.KEYWORD_ONLY))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    for name in found.keys() & (defaults or {}).keys():
        found[name] = found[name].replace(default=(defaults or {})[name])
    return inspect.Signature(list(found.values()))
