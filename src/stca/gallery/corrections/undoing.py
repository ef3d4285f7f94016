"""Which person tracklets get when a correction is undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Move(NamedTuple):
    """The persons that one correction changed.

    Args:
        id: of the correction.
        undone: whether it was undone.
        before: persons by key before it.
        after: persons by key after it.
        contents: digests by key of the tracklets that it was about.

    """

    id: int
    undone: bool
    before: Mapping[str, int | None]
    after: Mapping[str, int | None]
    contents: Mapping[str, str]


def persons_without(
    number: int, moves: Sequence[Move], now: Mapping[str, int | None], known: Mapping[str, str]
) -> dict[str, int | None]:
    """The person by key that tracklets get when a correction is undone.

    Those that something else moved since stay where they are, and are left out.

    Args:
        number: of the correction to be undone.
        moves: all corrections since persons were last numbered, oldest first.
        now: present persons by key.
        known: present digests by key.

    """
    (this,) = (move for move in moves if move.id == number)
    wanted = {}
    for key in this.after:
        mine = [m for m in moves if key in m.after and m.contents[key] == known.get(key)]
        standing = [m for m in mine if not m.undone]
        if this not in standing or now[key] != standing[-1].after[key]:
            continue
        others = [m for m in standing if m is not this]
        wanted[key] = others[-1].after[key] if others else mine[0].before[key]
    return wanted
