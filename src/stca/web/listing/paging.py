"""Lists in pages, with cursors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from stca.web.problems import WebError

Item = TypeVar("Item")


def page(
    items: Sequence[Item], name: Callable[[Item], str], cursor: str | None, limit: int
) -> tuple[Sequence[Item], str | None]:
    """The items from a cursor on, and the cursor of the next page.

    A cursor names the first item of its page and its place, so that pages neither repeat nor skip what was
    there all the time when others come or go; where the named item is gone, its place counts.

    Args:
        items: all of them.
        name: of an item, which no other one has.
        cursor: of the page; None: the first.
        limit: most items of a page.

    Raises:
        WebError: it is no cursor (422).
    """
    start = 0
    if cursor is not None:
        place, first = _read_cursor(cursor)
        start = min(place, len(items))
        if start == len(items) or name(items[start]) != first:
            start = next((at for at, item in enumerate(items) if name(item) == first), start)
    end = start + limit
    after = None if end >= len(items) else _write_cursor(end, name(items[end]))
    return items[start:end], after


def _write_cursor(place: int, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([place, name]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, str]:
    try:
        place, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if type(place) is not int or place < 0 or type(name) is not str:
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise WebError(
            "This is no cursor", status=422, expected="`next` of the page before", found=cursor[:100]
        ) from None
    return place, name
