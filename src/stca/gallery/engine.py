"""What keeps the rows of a gallery and finds the nearest. There is one engine, for one machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from stca.gallery.records import Added, Record

Vector = Float32[np.ndarray, " D"]
Vectors = Float32[np.ndarray, "N D"]


class Engine(Protocol):
    """All vectors that come and go are of unit length; `Gallery` sees to it. Failures are GalleryErrors."""

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows; what is acknowledged stays."""
        ...

    def update(self, records: Sequence[Record]) -> int:
        """Write what is known of those beside their vectors; how many that changed."""
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of those, or none."""
        ...

    def set_persons(self, persons: dict[str, int | None]) -> None:
        """Say who those are, all of them or none."""
        ...

    def records(self) -> Iterator[Record]:
        """All, in the order in which they came."""
        ...

    def vectors(self) -> Vectors:
        """In the order of `records`."""
        ...

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors of one moment."""
        ...

    def find(self, key: str) -> tuple[Record, Vector] | None:
        """Record and vector of a key."""
        ...

    def search(
        self,
        query: Vector,
        count: int,
        *,
        cameras: frozenset[str] | None,
        time: tuple[float, float] | None,
        without: str | None,
    ) -> list[tuple[Record, float]]:
        """The nearest of those that pass the filters, the best first, with their cosines."""
        ...

    def describe(self) -> str:
        """How a search goes about it, in words."""
        ...

    def refresh(self) -> None:
        """Get ready for searches."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
