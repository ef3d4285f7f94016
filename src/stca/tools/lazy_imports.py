"""Names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def homes(package: str, modules: Mapping[str, str]) -> dict[str, str]:
    """Module by name, of the names of each module of a package in one text: {"records": "Hit Record"}."""
    return {name: f"{package}.{module}" for module, names in modules.items() for name in names.split()}


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A package's `__getattr__`: it imports a name's module, and keeps the name. `dir` lists them all.

    Args:
        package: its `__name__`.
        homes: module by name.

    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    module = sys.modules.get(package)
    if module is not None:
        setattr(module, "__dir__", lambda: sorted({*vars(module), *homes}))  # noqa: B010
    return get
