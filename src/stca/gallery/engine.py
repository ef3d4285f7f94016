"""The interface between `Gallery` and its engines: `embedded` for one machine, `milvus` for several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from stca.gallery.records import Added, Record

Vector = Float32[np.ndarray, " D"]
Vectors = Float32[np.ndarray, "N D"]


@runtime_checkable
class Engine(Protocol):
    """Stores rows and searches them. `Gallery` passes unit vectors only; all errors are GalleryErrors."""

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool) -> Added:
        """Write rows durably."""
        ...

    def update(self, records: Sequence[Record]) -> int:
        """Update metadata of existing rows, without their vectors; returns how many changed."""
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Remove all of these rows, or none."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """One state for several reads of rows and metadata by this thread; takes the locks in their order."""
        ...

    def records(self) -> Iterator[Record]:
        """All records, in insertion order."""
        ...

    def vectors(self) -> Vectors:
        """(N, D), in the order of `records`."""
        ...

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors of one snapshot."""
        ...

    def take(self, keys: Sequence[str]) -> tuple[list[Record], Vectors]:
        """Records and vectors of those keys that exist, in the order of `keys`."""
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
        hidden: bool,
    ) -> list[tuple[Record, float]]:
        """The nearest rows that pass the filters, best first, with their cosines; `hidden` ones if asked."""
        ...

    def describe(self) -> str:
        """The index in use, for people."""
        ...

    def refresh(self) -> None:
        """Bring the index up to date."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...
