"""Functions by name: a key of a table, or `package.module:function`."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stca.errors import ConfigError


def find(table: Mapping[str, Callable[..., Any]], name: str, *, kind: str) -> Callable[..., Any]:
    """Look `name` up.

    Raises:
        ConfigError: no such entry, or no such function; lists what there is.

    """
    if name in table:
        return table[name]
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError, TypeError) as error:
            raise ConfigError(f"Cannot import the {kind}", found=error, where=name) from error
        if callable(found):
            return found  # type: ignore[no-any-return]
        raise ConfigError(f"The {kind} is no function", found=type(found).__name__, where=name)
    raise ConfigError(
        f"There is no {kind} {name!r}",
        expected=f"one of {', '.join(sorted(table))}, or package.module:function",
        hint=suggest(name, table),
    )


def is_safe(table: Mapping[str, object], name: str) -> bool:
    """Whether a name that was read from a file may be looked up: nothing new is imported for it."""
    return name in table or name.partition(":")[0] in sys.modules


def check_options(function: Callable[..., Any], options: Mapping[str, object], *, kind: str) -> None:
    """Raise ConfigError for keywords that `function` does not take; the error lists those it takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{kind} has no signature to check options by", found=function) from error
    valid = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    for name in options:
        if name not in valid:
            raise ConfigError(
                f"{kind} has no option {name!r}",
                expected=f"one of {', '.join(valid)}",
                hint=suggest(name, valid),
            )


def suggest(name: str, valid: Iterable[str]) -> str | None:
    """The closest valid name, if any is close."""
    close = difflib.get_close_matches(name, list(valid), n=1)
    return close[0] if close else None


def as_tuples(value: Any) -> Any:
    """Lists, as YAML and JSON have them, to tuples, also inside each other."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value
