"""On which line of a TOML file a key stands: the standard library's parser does not say."""

from __future__ import annotations

import re
from collections import Counter

Path = tuple[str | int, ...]
"""Of a value: names of tables and keys; of an array of tables, its name and the table's number from 0."""

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_TABLE = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[{]|[\]}]|\n',
    re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every table and key of a valid TOML text.

    Keys within an inline table are not listed; `line_of` gives the line of what they stand in.
    """
    found: dict[Path, int] = {}
    tables: Counter[Path] = Counter()
    prefix: Path = ()
    place, line = 0, 1
    while place < len(text):
        if head := _TABLE.match(text, place):
            prefix = _prefix(_parts(head[2]), tables, several=head[1] == "[[")
            found.setdefault(prefix, line + text.count("\n", place, head.start(1)))
            end = head.end()
        elif key := _KEY.match(text, place):
            found[prefix + _parts(key[1])] = line + text.count("\n", place, key.start(1))
            end = key.end()
        else:
            end = place
        end = _end_of_statement(text, end)
        line += text.count("\n", place, end)
        place = end
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a key, or of the nearest table around it."""
    while path not in lines and path:
        path = path[:-1]
    return lines.get(path, 1)


def _parts(dotted: str) -> Path:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, dotted))


def _prefix(parts: Path, tables: Counter[Path], *, several: bool) -> Path:
    """A table's path: below an array of tables, it is in the last one so far."""
    path: Path = ()
    for depth, part in enumerate(parts, start=1):
        path += (part,)
        if several and depth == len(parts):
            tables[path] += 1
        if path in tables:
            path += (tables[path] - 1,)
    return path


def _end_of_statement(text: str, place: int) -> int:
    """Behind the line break that ends a statement: not one within a string or within brackets."""
    depth = 0
    for token in _TOKEN.finditer(text, place):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return token.end()
    return len(text)
