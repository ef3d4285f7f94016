"""Scores from counts of wrong rows, by a protocol's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from stca.errors import RankingError
from stca.protocols import Protocol
from stca.ranking.answers import Labels
from stca.ranking.measures import average_precision, first_and_last_rank, ranks_of_answers
from stca.ranking.metrics import RankMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a score depends on besides the protocol; printed with it."""

    metric: str
    gallery_size: int
    max_rank: int
    reranking: str | None = None


def score_counts(
    query: Labels,
    query_rows: Int64[np.ndarray, " A"],
    before: Int64[np.ndarray, " A"],
    protocol: Protocol,
    setting: Setting,
) -> RankMetrics:
    """Scores of all queries from the number of wrong rows before each answer.

    Args:
        query: labels of all queries, without junk.
        query_rows: the query of each answer.
        before: the number of wrong rows before it.
        protocol: its rules for queries without answers and for average precision.
        setting: the other settings of the ranking.

    Raises:
        RankingError: no query has an answer.

    """
    query_rows, position, ranks = ranks_of_answers(query_rows, before)
    answered = np.bincount(query_rows, minlength=len(query))
    scored = np.flatnonzero(answered) if protocol.unanswerable == "drop" else np.arange(len(query))
    if len(query_rows) == 0:
        raise RankingError(
            "No query has an answer in the gallery",
            expected=f"answers under protocol {protocol.name!r} ({protocol.description})",
            found=f"{len(query)} queries, gallery of {setting.gallery_size}",
            hint="are the camera ids set? with a single camera, take the protocol 'same-track'",
        )
    ap = average_precision(
        query_rows, position, ranks, num_queries=len(query), rule=protocol.average_precision
    )
    first, last = first_and_last_rank(query_rows, ranks, num_queries=len(query))
    kept = query.subset(scored)
    return RankMetrics(
        protocol=protocol.name,
        metric=setting.metric,
        reranking=setting.reranking,
        gallery_size=setting.gallery_size,
        num_unanswerable=int((answered == 0).sum()),
        max_rank=setting.max_rank,
        average_precision=ap[scored],
        first_match=first[scored],
        inp=(answered / np.maximum(last, 1))[scored],
        person_ids=kept.person_ids,
        keys=kept.keys,
    )
