"""Labels of queries and gallery, and which gallery rows are answers (true matches) to which query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from stca.errors import RankingError
from stca.protocols import Protocol
from stca.tracklets import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of rows, without their vectors.

    Args:
        person_ids: (N,) integers.
        camera_ids: (N,) integers, one per tracklet.
        keys: N unique names, or None if the protocol does not use them.

    Raises:
        RankingError: different lengths.

    """

    person_ids: Int64[np.ndarray, " N"]
    camera_ids: Int64[np.ndarray, " N"]
    keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        lengths = {"person_ids": len(self.person_ids), "camera_ids": len(self.camera_ids)}
        if self.keys is not None:
            lengths["keys"] = len(self.keys)
        if len(set(lengths.values())) != 1:
            raise RankingError(
                "Person ids, camera ids and keys must have equal lengths",
                expected="one person id, camera id and key per tracklet",
                found=lengths,
                hint="camera ids are per tracklet, not per frame",
            )

    def __len__(self) -> int:
        return len(self.person_ids)

    @classmethod
    def of(cls, embeddings: Embeddings) -> Labels:
        """The labels of a table of embeddings."""
        return cls(embeddings.person_ids, embeddings.camera_ids, embeddings.keys)

    def subset(self, rows: Int64[np.ndarray, " M"]) -> Labels:
        """Those rows, in that order."""
        keys = None if self.keys is None else tuple(self.keys[i] for i in rows)
        return Labels(self.person_ids[rows], self.camera_ids[rows], keys)


def concatenate(parts: Sequence[Labels]) -> Labels:
    """The rows of all parts, in order; without keys if a part has none."""
    keys = [part.keys for part in parts if part.keys is not None]
    return Labels(
        np.concatenate([np.empty(0, dtype=np.int64), *(part.person_ids for part in parts)]),
        np.concatenate([np.empty(0, dtype=np.int64), *(part.camera_ids for part in parts)]),
        tuple(key for some in keys for key in some) if len(keys) == len(parts) else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class GalleryBlock:
    """A block of rows of a gallery that does not fit into memory.

    Args:
        vectors: (N, D) float16 or float32.
        labels: of the same N rows.

    Raises:
        RankingError: different lengths, or vectors that are not a matrix.

    """

    vectors: Float[np.ndarray, "N D"]
    labels: Labels

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.labels):
            raise RankingError(
                "A gallery block's vectors and labels differ in length",
                expected=f"({len(self.labels)}, D) vectors",
                found=self.vectors.shape,
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All (query, gallery row) pairs of one person, sorted by query; rows left out are no answers."""

    query: Int64[np.ndarray, " P"]
    row: Int64[np.ndarray, " P"]
    is_answer: Bool[np.ndarray, " P"]


def rows_that_count(gallery: Labels, protocol: Protocol) -> Int64[np.ndarray, " M"]:
    """Gallery rows without junk and, if the protocol drops them, without distractors."""
    smallest = 1 if protocol.distractors == "drop" else 0
    return np.flatnonzero(gallery.person_ids >= smallest)


def same_person_pairs(query: Labels, gallery: Labels, protocol: Protocol) -> Pairs:
    """All pairs of a query and a gallery row of its person, and which of them are answers.

    Raises:
        RankingError: the protocol uses keys and there are none, or a key belongs to two persons.

    """
    order = np.argsort(gallery.person_ids, kind="stable")
    persons = gallery.person_ids[order]
    start = np.searchsorted(persons, query.person_ids, side="left")
    stop = np.searchsorted(persons, query.person_ids, side="right")
    counts = np.where(query.person_ids > 0, stop - start, 0)
    query_rows = np.repeat(np.arange(len(query)), counts)
    row = order[np.arange(len(query_rows)) + np.repeat(start - (np.cumsum(counts) - counts), counts)]
    if protocol.left_out == "same-camera":
        left_out = query.camera_ids[query_rows] == gallery.camera_ids[row]
    else:
        left_out = _own_rows(query, gallery, query_rows, row)
    return Pairs(query_rows, row, ~left_out)


def _own_rows(
    query: Labels, gallery: Labels, query_rows: Int64[np.ndarray, " P"], row: Int64[np.ndarray, " P"]
) -> Bool[np.ndarray, " P"]:
    if query.keys is None or gallery.keys is None:
        raise RankingError(
            "This protocol leaves out the row with the query's own key, and there are no keys",
            expected="keys for the queries and the gallery",
            hint="give the tracklets' keys, or take a protocol that goes by camera",
        )
    person_of = dict(zip(query.keys, query.person_ids.tolist(), strict=True))
    for key, person in zip(gallery.keys, gallery.person_ids.tolist(), strict=True):
        if person_of.get(key, person) != person:
            raise RankingError(
                "A key belongs to two persons",
                expected=f"person {person_of[key]}, as among the queries",
                found=f"person {person} in the gallery",
                where=key,
            )
    return np.array(
        [query.keys[q] == gallery.keys[g] for q, g in zip(query_rows, row, strict=True)], dtype=bool
    )


def check_overlap(query: Labels, gallery: Labels, protocol: Protocol, *, wanted: bool) -> None:
    """Check that the queries are, or are not, in the gallery, as the protocol requires.

    Raises:
        RankingError: they are in the gallery and must not be, or the reverse.

    """
    if query.keys is None or gallery.keys is None:
        return
    there = len(set(query.keys) & set(gallery.keys))
    if (wanted and there < len(set(query.keys))) or (not wanted and there):
        raise RankingError(
            f"Protocol {protocol.name!r}: {protocol.description}",
            expected="every query's key in the gallery" if wanted else "a gallery without the queries",
            found=f"{there} of {len(query)} query keys are in the gallery",
            hint="'cross-camera' takes the gallery as it is; keys must be unique names, not row numbers",
        )
