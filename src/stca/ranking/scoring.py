"""From counts to scores, by a protocol's rules."""

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
    """What a score depends on beside the protocol, to be printed with it."""

    metric: str
    gallery_size: int
    max_rank: int
    reranking: str | None = None


def score_counts(
    query: Labels,
    asks: Int64[np.ndarray, " A"],
    before: Int64[np.ndarray, " A"],
    protocol: Protocol,
    setting: Setting,
) -> RankMetrics:
    """Scores of all queries, from the number of wrong rows before each answer.

    Args:
        query: the labels of all queries, none of them junk.
        asks: the query of each answer.
        before: the number of wrong rows before it.
        protocol: what is done with queries without answers, and which average precision is meant.
        setting: what else the figures depend on.

    Raises:
        RankingError: there is no answer at all.

    """
    asks, position, ranks = ranks_of_answers(asks, before)
    answered = np.bincount(asks, minlength=len(query))
    scored = np.flatnonzero(answered) if protocol.unanswerable == "drop" else np.arange(len(query))
    if len(asks) == 0:
        raise RankingError(
            "No query has an answer in the gallery",
            expected=f"somebody to find under protocol {protocol.name!r} ({protocol.description})",
            found=f"{len(query)} queries, gallery of {setting.gallery_size}",
            hint="are the camera ids set? with a single camera, take the protocol 'same-track'",
        )
    ap = average_precision(asks, position, ranks, num_queries=len(query), rule=protocol.average_precision)
    first, last = first_and_last_rank(asks, ranks, num_queries=len(query))
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
