"""Embedding in pieces, so that whoever is new never waits for the many crops of somebody else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stca.watch.people.embedding import SharedEmbedder, unit_vector
from stca.watch.people.sightings import Vector

PIECE, PIECE_SECONDS = 64, 0.5
"""Crops that are embedded before cameras are listened to again; fewer where that takes longer."""
FIRST = 8
"""Crops by which somebody is told for the first time; from all of them soon after."""


@dataclass(frozen=True, slots=True)
class Due:
    """A tracklet that is to be embedded.

    Args:
        key: its key.
        crops: all of them; others are another task.
        new: whether nothing was said of it yet.

    """

    key: str
    crops: tuple[Path, ...]
    new: bool


@dataclass(frozen=True, slots=True)
class Through:
    """A tracklet that was embedded.

    Args:
        vector: (D,), of unit length; None: its crops cannot be read.
        whole: whether there is nothing more to embed.

    """

    vector: Vector | None
    whole: bool


@dataclass(slots=True)
class _Begun:
    """The crops of a tracklet, so many of which are done; the sum of their clips' vectors."""

    crops: tuple[Path, ...]
    done: int = 0
    clips: int = 0
    total: np.ndarray = field(default_factory=lambda: np.zeros(1))


class Pieces:
    """Vectors of tracklets, a piece at a time; those of a tracklet's pieces add up to that of the whole.

    Args:
        embedder: of all cameras.

    """

    def __init__(self, embedder: SharedEmbedder) -> None:
        self._embedder = embedder
        self._begun: dict[str, _Begun] = {}
        self._room = PIECE

    def embed(self, due: Iterable[Due]) -> dict[str, Through]:
        """Embed one piece of what is due.

        Args:
            due: who comes first is first, and everybody for whom something is due.

        Returns:
            those that are through, by key.

        """
        tasks = {each.key: self._continue(each) for each in due}
        self._begun = {key: begun for key, (_, begun) in tasks.items() if begun.done}
        parts: dict[str, Sequence[Path]] = {}
        room = self._room
        for key, (each, begun) in tasks.items():
            parts[key] = self._part(each, begun, room)
            room -= len(parts[key])
            if room < self._embedder.clip_len:
                break
        begin = time.monotonic()
        means = self._embedder.means(parts) if parts else {}
        self._fit_room(sum(map(len, parts.values())), time.monotonic() - begin)
        found = {key: self._add(*tasks[key], part, means.get(key)) for key, part in parts.items()}
        return {key: through for key, through in found.items() if through is not None}

    def _fit_room(self, crops: int, seconds: float) -> None:
        """So many crops that the next piece takes about `PIECE_SECONDS`."""
        if crops:
            self._room = max(1, min(PIECE, int(PIECE_SECONDS * crops / max(seconds, 1e-6))))

    def _continue(self, each: Due) -> tuple[Due, _Begun]:
        begun = self._begun.get(each.key)
        return each, begun if begun is not None and begun.crops == each.crops else _Begun(each.crops)

    def _part(self, each: Due, begun: _Begun, room: int) -> Sequence[Path]:
        """As many crops as there is room for, in whole clips."""
        if each.new and len(each.crops) > FIRST:
            return [each.crops[(2 * i + 1) * len(each.crops) // (2 * FIRST)] for i in range(FIRST)]
        clip_len = self._embedder.clip_len
        return each.crops[begun.done : begun.done + max(1, room // clip_len) * clip_len]

    def _add(self, each: Due, begun: _Begun, part: Sequence[Path], mean: np.ndarray | None) -> Through | None:
        """What is known after a piece; None: there is more to come."""
        if each.new and len(part) < len(each.crops):
            return Through(None if mean is None else unit_vector(mean), whole=mean is None)
        if mean is not None:
            clips = -(-len(part) // self._embedder.clip_len)
            begun.total, begun.clips = begun.total + clips * mean, begun.clips + clips
        begun.done += len(part)
        if begun.done < len(each.crops):
            self._begun[each.key] = begun
            return None
        self._begun.pop(each.key, None)
        return Through(unit_vector(begun.total) if begun.clips else None, whole=True)
