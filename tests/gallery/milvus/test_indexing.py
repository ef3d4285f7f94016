"""What an index of Milvus is measured with, and what is said where it is not good enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from made_gallery import DIM, FINGERPRINT, record, vectors
from stca.gallery import Gallery
from stca.gallery.index.tuning import TARGET
from stca.gallery.milvus import indexing
from stca.gallery.milvus.connection import Connection
from stca.gallery.milvus.indexing import Tuning, describe, exact_answers, measure
from stca.gallery.milvus.rows import row_id
from stca.gallery.milvus.table import Table

pytest.importorskip("milvus_lite", reason="needs the extra stca[milvus]")
ROWS = 300


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    place = f"milvus://{tmp_path_factory.mktemp('lite')}/g.db"
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        gallery.add([record(i) for i in range(ROWS)], vectors(ROWS))
        yield gallery.store.table


def test_exact_answers_equal_the_slow_ones(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stca.gallery.milvus.table._MOST_ROWS", 70)  # several pages
    passes: list[Any] = []
    real = Table.pages
    monkeypatch.setattr(Table, "pages", lambda self, fields: passes.append(fields) or real(self, fields))
    asked, nearest, nearest_there = exact_answers(table, ROWS, 100)
    assert len(passes) == 1, "all rows are read once"
    rows = list(table.scan(vectors=True))
    assert 60 < len(asked) < 140
    assert asked.shape[1] == DIM
    assert np.allclose(np.linalg.norm(asked, axis=1), 1, atol=1e-5)
    everything = np.stack([row.vector for row in rows])
    scores = asked @ everything.T
    assert np.median(scores.max(axis=1)) == pytest.approx(0.8, abs=0.1), "rows with noise"
    passing = np.array([row_id(row.record.key) < "2" for row in rows])
    assert 10 < passing.sum() < ROWS / 4
    numbers = np.array([row.number for row in rows])
    for found, masked in ((nearest, scores), (nearest_there, np.where(passing, scores, -2))):
        assert found == [set(numbers[np.argsort(-each)[:10]].tolist()) for each in masked]


def test_no_query_is_sent_twice(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server remembers where a search for a vector ended, and finds more the second time."""
    sent: list[np.ndarray] = []
    real = Connection.call

    def call(self: Connection, method: str, *args: Any, **options: Any) -> Any:
        if method == "search":
            sent.append(np.stack(options["data"]))
        return real(self, method, *args, **options)

    monkeypatch.setattr(Connection, "call", call)
    found = measure(table, "HNSW", ROWS, queries=20)
    assert found.recall == 1, "as of the unscaled queries: the rows are compared one by one"
    queries = np.concatenate(sent)
    assert len(sent) > 4
    assert len(np.unique(queries, axis=0)) == len(queries)
    directions = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in sent]
    assert all(np.allclose(each, directions[0], atol=1e-6) for each in directions)


def test_a_recall_below_the_goal_is_said(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_recall", lambda *given: 0.99 if given[-1] else 0.931)
    with pytest.warns(UserWarning, match=r"recall@10 of 0\.931 and not 0\.987.*copy") as said:
        found = measure(table, "HNSW", ROWS, queries=5)
    assert len(said) == 1
    assert (found.recall, found.effort) == (0.931, indexing._EFFORTS[-1])
    assert (found.recall_filtered, found.effort_filtered) == (0.99, indexing._EFFORTS[0])
    words = describe("HNSW", Tuning.from_json(found.to_json()))
    assert f"recall@10 0.931 (goal {TARGET} not reached), with a filter 0.990" in words
