"""Reads the tables of cameras.toml; each mistake is collected with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.config.toml_lines import Path as TomlPath
from stca.config.toml_lines import line_of
from stca.footage.containers import is_address, without_password
from stca.tools.lookup import suggest


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake: its line, from 1, and what is wrong."""

    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.line}: {self.words}"


class WrongError(Exception):
    """What is wrong with a value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key takes.

    Args:
        read: the value as it is used; raises `WrongError`. Gets the folder of cameras.toml, and the table.
        required: whether the key must be there.

    """

    read: Callable[[Any, Path, Mapping[str, Any]], Any]
    required: bool = False


class Reader:
    """Reads tables and collects mistakes.

    Args:
        folder: of cameras.toml.
        lines: of its keys.

    """

    def __init__(self, folder: Path, lines: dict[TomlPath, int]) -> None:
        self.folder, self._lines = folder, lines
        self.mistakes: list[Mistake] = []

    def wrong(self, path: TomlPath, words: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(line_of(self._lines, path), words))

    def unknown(self, path: TomlPath, name: str, expected: str) -> None:
        """Note a name that does not exist."""
        self.wrong(path, f"there is no {name!r} here, only {expected}")

    def table(self, content: Mapping[str, Any], name: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
        """The values of `[name]`; empty where it is missing or wrong."""
        found = content.get(name, {})
        if not isinstance(found, dict):
            self.wrong((name,), f"{name} is a table: [{name}]")
            return {}
        return self._values(found, (name,), kinds) if name in content else {}

    def tables(
        self, content: Mapping[str, Any], name: str, kinds: Mapping[str, Kind]
    ) -> list[dict[str, Any]]:
        """The values of each `[[name]]`."""
        found = content.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.wrong((name,), f"{name} is a list of tables: [[{name}]]")
            return []
        return [self._values(each, (name, number), kinds) for number, each in enumerate(found)]

    def distinct(
        self, content: Mapping[str, Any], name: str, key: str, *, same: Callable[[str], str] = str
    ) -> None:
        """Note every table whose `key` an earlier one has too: values of which `same` is equal are one."""
        first: dict[str, tuple[int, str]] = {}
        tables = content.get(name, [])
        for number, table in enumerate(tables if isinstance(tables, list) else []):
            value = table.get(key) if isinstance(table, dict) else None
            if not isinstance(value, str):
                continue
            earlier, there = first.setdefault(same(value), (number, value))
            if earlier != number:
                other = line_of(self._lines, (name, earlier, key))
                words = f"the {name} on line {other} has the {key} {shown(key, there)}"
                words += " too" if there == value else ", which some systems do not tell from this one"
                self.wrong((name, number, key), words)

    def texts(self, content: Mapping[str, Any], name: str, key: str) -> list[str]:
        """The texts of `key` in all `[[name]]`, right or wrong."""
        tables = content.get(name)
        rows = [each for each in tables if isinstance(each, dict)] if isinstance(tables, list) else []
        return [each[key] for each in rows if isinstance(each.get(key), str)]

    def check_default(self, path: TomlPath, key: str, value: Any, kind: Kind) -> None:
        """Note a default that is not right, unless it stands in the file and is noted already."""
        try:
            kind.read(value, self.folder, {})
        except WrongError as error:
            words = f"{key} {error}, not {shown(key, value)}"
            if all(each.words != words for each in self.mistakes):
                self.wrong(path, words)

    def _values(self, table: Mapping[str, Any], path: TomlPath, kinds: Mapping[str, Kind]) -> dict[str, Any]:
        values = {}
        for key, value in table.items():
            if key not in kinds:
                close = suggest(key, list(kinds))
                expected = f"did you mean {close!r}?" if close else f"only {', '.join(kinds)}"
                self.wrong((*path, key), f"there is no {shown('', key)} in [{path[0]}]; {expected}")
                continue
            try:
                values[key] = kinds[key].read(value, self.folder, table)
            except WrongError as error:
                self.wrong((*path, key), f"{key} {error}, not {shown(key, value)}")
        for key, kind in kinds.items():
            if kind.required and key not in table:
                self.wrong(path, f"{key} is missing in [{path[0]}]")
        return values


def shown(key: str, value: Any) -> str:
    """A value as it may be printed: without passwords."""
    if key in ("secret", "password"):
        return "this"
    if isinstance(value, str):
        value = without_password(value) if is_address(value) else re.sub(r"(?s)^.*@", "...@", value)
    try:
        return re.sub(r"//.*@", "//...@", repr(value))[:200]
    except ValueError:  # a number of too many digits
        return "this"
