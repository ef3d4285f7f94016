"""Which class of a detection network is a person."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path

from stca.errors import ConfigError
from stca.tracking.detectors.decoding import Layout

_PERSON_NAMES = ("person", "pedestrian", "people", "human", "persons", "pedestrians", "humans")


def read_names(text: str | None) -> dict[int, str] | None:
    """Class names in a file's metadata: `{0: 'person', ...}`, `["person", ...]`, or JSON; None where none."""
    if not text:
        return None
    for parse in (ast.literal_eval, json.loads):
        try:
            names = parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(names, list | tuple) and names:
            return {i: str(name) for i, name in enumerate(names)}
        if isinstance(names, dict) and names:
            try:
                return {int(key): str(name) for key, name in names.items()}
            except (ValueError, TypeError):
                return None
    return None


def person_class(
    layout: Layout, names: Mapping[int, str] | None, given: int | None, path: Path
) -> tuple[int, str]:
    """The class id of a person, and in words how it is known.

    Raises:
        ConfigError: it cannot be known and was not given, or there is no such class.

    """
    if given is not None:
        count = layout.num_classes
        if count is not None and given >= count:
            raise ConfigError(
                "There is no such class",
                expected=f"--person-class from 0 to {count - 1}",
                found=given,
                where=path,
            )
        return given, "--person-class"
    if names is not None and (layout.num_classes is None or len(names) <= layout.num_classes):
        return _named(names, path), f"of {len(names)} names in the file"
    if layout.num_classes is None:
        if layout.assumed_person is not None:
            return layout.assumed_person, "assumed, the file names no classes"
        raise _unknown("it returns class ids and its file names no classes", path)
    if layout.num_classes in layout.person_classes:
        return layout.person_classes[layout.num_classes], f"of {layout.num_classes} classes"
    raise _unknown(f"{layout.num_classes} class scores, which are no well-known data set's", path)


def _named(names: Mapping[int, str], path: Path) -> int:
    known = {key: name.strip().casefold() for key, name in names.items()}
    for wanted in _PERSON_NAMES:
        found = [key for key, name in known.items() if name == wanted]
        if len(found) == 1:
            return found[0]
    if len(names) == 1 and _is_placeholder(next(iter(known.values()))):
        return next(iter(known))
    shown = ", ".join(f"{key} {name}" for key, name in list(names.items())[:20])
    raise _unknown(f"classes {shown}{' ...' if len(names) > 20 else ''}", path)


def _is_placeholder(name: str) -> bool:
    """Whether a class name is a placeholder, as `0` or `class0`."""
    return name.isdigit() or name.startswith(("class", "item", "object"))


def _unknown(found: str, path: Path) -> ConfigError:
    return ConfigError(
        "It cannot be told which class of this detector is a person",
        expected="a class called person in the file, a single class, or those of COCO or Objects365 in order",
        found=found,
        where=path,
        hint="--person-class N, the class id of a person, counted from 0",
    )
