"""Who is asked for, who is in the gallery, and which rows are answers to which query."""

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
    """Who each row is, without its vector.

    Args:
        person_ids: (N,) integers.
        camera_ids: (N,) integers, one per tracklet.
        keys: N names, or None where no protocol needs them.

    Raises:
        RankingError: lengths that differ.

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
                "Ids and keys belong together one to one",
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
    """All rows of all parts, in order; without keys where a part has none."""
    keys = [part.keys for part in parts if part.keys is not None]
    return Labels(
        np.concatenate([np.empty(0, dtype=np.int64), *(part.person_ids for part in parts)]),
        np.concatenate([np.empty(0, dtype=np.int64), *(part.camera_ids for part in parts)]),
        tuple(key for some in keys for key in some) if len(keys) == len(parts) else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class GalleryBlock:
    """Some rows of a gallery too large to hold.

    Args:
        vectors: (N, D) float16 or float32.
        labels: of the same N rows.

    Raises:
        RankingError: lengths that differ, or vectors that are no matrix.

    """

    vectors: Float[np.ndarray, "N D"]
    labels: Labels

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.labels):
            raise RankingError(
                "A gallery block's vectors and labels belong together one to one",
                expected=f"({len(self.labels)}, D) vectors",
                found=self.vectors.shape,
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All (query, gallery row) of the same person, sorted by query; those left out are no answers."""

    query: Int64[np.ndarray, " P"]
    row: Int64[np.ndarray, " P"]
    is_answer: Bool[np.ndarray, " P"]


def rows_that_count(gallery: Labels, protocol: Protocol) -> Int64[np.ndarray, " M"]:
    """Gallery rows that are no junk and, where the protocol drops them, no distractors."""
    smallest = 1 if protocol.distractors == "drop" else 0
    return np.flatnonzero(gallery.person_ids >= smallest)


def same_person_pairs(query: Labels, gallery: Labels, protocol: Protocol) -> Pairs:
    """Every pair of a query and a gallery row of its person, with which of them are answers.

    Raises:
        RankingError: the protocol goes by keys and there are none, or a key stands for two persons.

    """
    order = np.argsort(gallery.person_ids, kind="stable")
    persons = gallery.person_ids[order]
    start = np.searchsorted(persons, query.person_ids, side="left")
    stop = np.searchsorted(persons, query.person_ids, side="right")
    counts = np.where(query.person_ids > 0, stop - start, 0)
    asks = np.repeat(np.arange(len(query)), counts)
    row = order[np.arange(len(asks)) + np.repeat(start - (np.cumsum(counts) - counts), counts)]
    if protocol.left_out == "same-camera":
        left_out = query.camera_ids[asks] == gallery.camera_ids[row]
    else:
        left_out = _own_rows(query, gallery, asks, row)
    return Pairs(asks, row, ~left_out)


def _own_rows(
    query: Labels, gallery: Labels, asks: Int64[np.ndarray, " P"], row: Int64[np.ndarray, " P"]
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
                "The same key stands for two persons",
                expected=f"person {person_of[key]}, as among the queries",
                found=f"person {person} in the gallery",
                where=key,
            )
    return np.array([query.keys[q] == gallery.keys[g] for q, g in zip(asks, row, strict=True)], dtype=bool)


def check_overlap(query: Labels, gallery: Labels, protocol: Protocol, *, wanted: bool) -> None:
    """Whether the queries are in the gallery is half of MARS's two protocols: see that it is as it says.

    Raises:
        RankingError: queries are in the gallery and must not be, or the other way round.

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
