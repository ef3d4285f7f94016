"""Taking tracklets and names out of the log of corrections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

_ALONE = ("name", "hide", "show")
"""Kinds of corrections that say something without `others`."""


class LogTexts(NamedTuple):
    """The columns of an entry that hold keys, as JSON, and the name.

    Args:
        id: of the entry.
        kind: as `Correction.kind`.
        text: the name, of kind "name".
        keys, others: lists of keys.
        before, after: persons by key.
        contents: digests by key.

    """

    id: int
    kind: str
    text: str
    keys: str
    others: str
    before: str
    after: str
    contents: str


def redacted(
    entries: Iterable[LogTexts], keys: Set[str], names: Set[str]
) -> Iterator[tuple[int, LogTexts | None]]:
    """The entries that change, by id: without these keys, or None for one that has to go.

    An entry goes when nobody else is in it, when it compares with somebody who is gone, or when it gives a
    person one of the names.
    """
    for entry in entries:
        sides = [[key for key in json.loads(text) if key not in keys] for text in (entry.keys, entry.others)]
        tables = [
            {key: value for key, value in json.loads(text).items() if key not in keys}
            for text in (entry.before, entry.after, entry.contents)
        ]
        texts = [json.dumps(each) for each in (*sides, *tables)]
        if entry.kind == "name" and entry.text in names:
            yield entry.id, None
        elif texts != list(entry[3:]):
            says_something = bool(sides[0]) and (bool(sides[1]) or entry.kind in _ALONE)
            yield entry.id, LogTexts(*entry[:3], *texts) if says_something else None
