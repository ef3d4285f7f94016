"""What is computed once for each state of the gallery, not for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from stca.web.listing import Snapshot

Value = TypeVar("Value")


def kept(request: Request, snapshot: Snapshot, name: str, make: Callable[[Snapshot], Value]) -> Value:
    """What `make` gives for a snapshot; computed again only for another one.

    Args:
        request: of the application that keeps it.
        snapshot: of the gallery; as long as nothing changes, it is the same object.
        name: under which it is kept.
        make: computes it.

    """
    place: dict[str, tuple[Snapshot, Value]] = request.app.state.__dict__.setdefault("kept", {})
    found = place.get(name)
    if found is None or found[0] is not snapshot:
        found = place[name] = snapshot, make(snapshot)
    return found[1]
