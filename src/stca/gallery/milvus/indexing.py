"""The index of the vectors: exact for small galleries, HNSW for larger ones, IVF_SQ8 for the largest.

How far a search looks (`ef`, `nprobe`) is measured against exact answers, without a filter and with one that
passes an eighth. The queries are rows of the gallery with noise, which are not in the index themselves. None
is sent twice: the HNSW of Milvus remembers where a search for a vector ended, begins the next one for it
there, and so finds more (measured: a recall of 0.996 instead of 0.988).
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from stca.errors import GalleryFileError
from stca.gallery.embedded import EXACT_VALUES
from stca.gallery.engine import Vectors
from stca.gallery.index.tuning import TARGET
from stca.gallery.milvus.table import Table

HNSW_VALUES = 1 << 32
"""Up to this many numbers (rows times dimensions; 16 GiB) the index is HNSW, which needs them in memory."""
_NOISE = 0.75
_QUERIES = 200
_NEAREST = 10
_EIGHTH = "2"
"""Primary keys are hexadecimal digests: an eighth of them come before this."""
_KEYS = 1 << 128
_EFFORTS = tuple(round(8 * 2 ** (step / 2)) for step in range(1, 20))
"""From 11 to 5,793: ef of HNSW, nprobe of IVF_SQ8."""

_SCALARS = {
    "camera": "Trie",
    "first": "STL_SORT",
    "last": "STL_SORT",
    "person": "STL_SORT",
    "number": "STL_SORT",
}
"""What filters are about, and kinds of index that every version of the server has."""


def first_indexes(*, is_lite: bool) -> dict[str, dict[str, Any]]:
    """The indexes of a new gallery by field, as keywords of `add_index`."""
    scalars = {name: {"index_type": "INVERTED" if is_lite else kind} for name, kind in _SCALARS.items()}
    return {"vector": options_of("FLAT"), **scalars}


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured.

    Args:
        kind: FLAT, HNSW or IVF_SQ8.
        rows: number of rows then.
        effort: ef or nprobe without a filter; 0: the index is exact.
        effort_filtered: with one.
        recall: recall@10 against exact search, of rows with noise as queries, without a filter.
        recall_filtered: with one.

    """

    kind: str = "FLAT"
    rows: int = 0
    effort: int = 0
    effort_filtered: int = 0
    recall: float = 1.0
    recall_filtered: float = 1.0

    def to_json(self) -> str:
        """Serialise."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Tuning:
        """Parse what `to_json` wrote; None: nothing was measured yet.

        Raises:
            GalleryFileError: not what `to_json` wrote.

        """
        try:
            return cls() if text is None else cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise GalleryFileError("A gallery's stored tuning is damaged", found=error) from error


def kind_for(values: int) -> str:
    """The index for a number of numbers (rows times dimensions)."""
    if values <= EXACT_VALUES:
        return "FLAT"
    return "HNSW" if values <= HNSW_VALUES else "IVF_SQ8"


def options_of(kind: str, rows: int = 0) -> dict[str, Any]:
    """The index of a kind, as keywords of `add_index`."""
    parameters: dict[str, dict[str, int]] = {
        "FLAT": {},
        "HNSW": {"M": 16, "efConstruction": 128},
        "IVF_SQ8": {"nlist": min(65_536, max(64, round(4 * math.sqrt(rows))))},
    }
    return {"index_type": kind, "metric_type": "IP", "params": parameters[kind]}


def index_of(table: Table) -> str:
    """The kind of the index at present."""
    return str(table.connection.call("describe_index", table.collection, "vector")["index_type"])


def search_parameters(tuning: Tuning, wanted: int, *, filtered: bool) -> dict[str, Any]:
    """The `search_params` of a search for `wanted` candidates."""
    effort = tuning.effort_filtered if filtered else tuning.effort
    names = {"HNSW": "ef", "IVF_SQ8": "nprobe"}
    parameters = {"ef": max(effort, wanted)} if tuning.kind == "HNSW" else {}
    if tuning.kind == "IVF_SQ8":
        parameters = {names[tuning.kind]: effort}
    return {"metric_type": "IP", "params": parameters}


def describe(kind: str, tuning: Tuning) -> str:
    """The index in words."""
    if kind == "FLAT":
        return "Milvus, exact (FLAT)"
    if tuning.kind != kind:
        return f"Milvus, {kind}, not measured yet"
    name = "ef" if kind == "HNSW" else "nprobe"
    return (
        f"Milvus, {kind}, {name} {tuning.effort}, with a filter {tuning.effort_filtered}; measured at "
        f"{tuning.rows:,} rows: recall@10 {_words(tuning.recall)}, with a filter "
        f"{_words(tuning.recall_filtered)}"
    )


def _words(recall: float) -> str:
    return f"{recall:.3f}" if recall >= TARGET else f"{recall:.3f} (goal {TARGET} not reached)"


def tune_and_choose(table: Table, before: Tuning) -> Tuning | None:
    """Make another index if the number of rows asks for it, and measure; None: all is as it should be.

    For the seconds in which the server lets the collection go and takes it up again, searches fail.
    """
    rows = table.count()
    kind, now = kind_for(rows * table.dim), index_of(table)
    if kind == now and (kind == "FLAT" or (before.kind == kind and rows <= 1.5 * before.rows)):
        return None if before.kind == kind else Tuning(rows=rows)
    if kind != now:
        table.connection.call("release_collection", table.collection)
        table.connection.call("drop_index", table.collection, "vector")
        table.connection.index(table.collection, {"vector": options_of(kind, rows)})
        table.load()  # until the index is complete, Milvus compares all rows
        table.connection.wait_for_index(table.collection, "vector")
        table.connection.call("release_collection", table.collection)
        table.load()  # with the index, so that it is what is measured
    return Tuning(kind, rows) if kind == "FLAT" else measure(table, kind, rows)


def measure(table: Table, kind: str, rows: int, *, queries: int = _QUERIES) -> Tuning:
    """The least effort that reaches `TARGET`, without a filter and with one, or the largest and a warning."""
    chosen, nearest, nearest_filtered = exact_answers(table, rows, queries)
    everything = _fewest(table, kind, chosen, nearest, "")
    filtered = _fewest(table, kind, chosen, nearest_filtered, f'id < "{_EIGHTH}"')
    for words, (effort, recall) in (("", everything), (" with a filter", filtered)):
        if recall < TARGET:
            warnings.warn(
                f"searches{words} in {table.connection.address} reach a recall@10 of {recall:.3f} and not "
                f"{TARGET}, even with the largest effort ({effort}): for better ones copy it to a folder, "
                "whose index is another (`stca gallery copy`)",
                stacklevel=2,
            )
    return Tuning(kind, rows, everything[0], filtered[0], everything[1], filtered[1])


def _fewest(
    table: Table, kind: str, queries: Vectors, nearest: Sequence[set[int]], expression: str
) -> tuple[int, float]:
    low, high = 0, len(_EFFORTS) - 1
    tried: dict[int, float] = {}

    def recall(step: int) -> float:
        if step not in tried:
            tuning = Tuning(kind, 0, _EFFORTS[step], _EFFORTS[step])
            tried[step] = _recall(table, tuning, queries, nearest, expression)
        return tried[step]

    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if recall(middle) >= TARGET else (middle + 1, high)
    return _EFFORTS[low], recall(low)


def _recall(
    table: Table, tuning: Tuning, queries: Vectors, nearest: Sequence[set[int]], expression: str
) -> float:
    new = queries * np.float32(np.random.default_rng().uniform(0.5, 2))  # with the same nearest rows
    found = table.connection.call(
        "search",
        table.collection,
        data=list(new),
        anns_field="vector",
        limit=2 * _NEAREST,
        filter=expression,
        output_fields=["number", "vector"],
        search_params=search_parameters(tuning, 2 * _NEAREST, filtered=bool(expression)),
        consistency_level=table.connection.consistency,
    )
    right = 0
    for query, hits, wanted in zip(queries, found, nearest, strict=True):
        scores = [float(np.dot(query, hit["entity"]["vector"])) for hit in hits]
        best = np.argsort(np.negative(scores), kind="stable")[:_NEAREST]
        right += len(wanted & {hits[i]["entity"]["number"] for i in best})
    return right / max(1, sum(map(len, nearest)))


def exact_answers(table: Table, rows: int, queries: int) -> tuple[Vectors, list[set[int]], list[set[int]]]:
    """Rows with noise as queries, and the numbers of their ten nearest of all rows and of an eighth.

    Reads all vectors once, a page at a time.
    """
    asked = _seen_again(_sample(table, rows, queries), np.random.default_rng(0))
    best = [_Best(len(asked)), _Best(len(asked))]
    for page in table.pages(("number", "vector")):
        numbers = np.array([entity["number"] for entity in page], dtype=np.int64)
        block = np.empty((len(page), table.dim), dtype=np.float32)
        for place, entity in enumerate(page):
            block[place] = entity["vector"]
        scores = asked @ block.T
        best[0].add(scores, numbers)
        eighth = np.array([entity["id"] < _EIGHTH for entity in page], dtype=bool)
        best[1].add(scores[:, eighth], numbers[eighth])
    return asked, best[0].sets(), best[1].sets()


def _sample(table: Table, rows: int, queries: int) -> Vectors:
    """The vectors of about `queries` random rows: primary keys are digests, so a range of them is a sample.

    An eighth of the range, as of all rows, is before `_EIGHTH`.
    """
    share = min(1.0, queries / max(1, rows))
    low, high = (round((1 / 8 + share * part) * _KEYS) for part in (-1 / 8, 7 / 8))
    expression = f'id >= "{low:032x}"' + (f' and id < "{high:032x}"' if high < _KEYS else "")
    found = table.connection.query(table.collection, expression, ("vector",))
    vectors = np.empty((len(found), table.dim), dtype=np.float32)
    for place, entity in enumerate(found):
        vectors[place] = entity["vector"]
    return vectors


def _seen_again(rows: Vectors, rng: np.random.Generator) -> Vectors:
    """Queries that are not in the index: rows with noise, at a cosine of 0.8.

    A graph finds its own rows and what is near them more easily than what is near a new query.
    """
    noise = rng.standard_normal(rows.shape, dtype=np.float32)
    moved = rows + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    seen: Vectors = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return seen


class _Best:
    """The ten best of each query so far."""

    def __init__(self, queries: int) -> None:
        self._scores: Float32[np.ndarray, "Q k"] = np.empty((queries, 0), dtype=np.float32)
        self._numbers: Int64[np.ndarray, "Q k"] = np.empty((queries, 0), dtype=np.int64)

    def add(self, scores: Float32[np.ndarray, "Q N"], numbers: Int64[np.ndarray, " N"]) -> None:
        if not len(numbers):
            return
        scores = np.concatenate([self._scores, scores], axis=1)
        all_numbers = np.concatenate(
            [self._numbers, np.broadcast_to(numbers, (len(scores), len(numbers)))], 1
        )
        best = np.argpartition(-scores, min(_NEAREST, scores.shape[1]) - 1, axis=1)[:, :_NEAREST]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self._numbers = np.take_along_axis(all_numbers, best, axis=1)

    def sets(self) -> list[set[int]]:
        return [set(row.tolist()) for row in self._numbers]
