"""Ranking metrics: CMC, mAP and mINP under named protocols, intervals, re-ranking, learnt metrics."""

from typing import TYPE_CHECKING

from stca.protocols import PROTOCOLS, Protocol, find_protocol
from stca.tools.lazy_imports import homes, lazy_names

if TYPE_CHECKING:
    from stca.ranking.answers import GalleryBlock, Labels
    from stca.ranking.bootstrap import Interval
    from stca.ranking.distractors import DistractorCurve, Distractors, rank_with_distractors
    from stca.ranking.metric_learning import KISSME, XQDA, LearnedMetric
    from stca.ranking.metrics import (
        FIGURES,
        Figure,
        RankMetrics,
        SplitMetrics,
        compare_table,
        mean_over_splits,
    )
    from stca.ranking.rank_gallery import rank, rank_blocks, rank_distances
    from stca.ranking.reranking import KReciprocal, k_reciprocal, k_reciprocal_from_distances
    from stca.ranking.significance import Comparison, compare_runs

_MODULES = {
    "answers": "GalleryBlock Labels",
    "bootstrap": "Interval",
    "distractors": "DistractorCurve Distractors rank_with_distractors",
    "metric_learning": "KISSME XQDA LearnedMetric",
    "metrics": "FIGURES Figure RankMetrics SplitMetrics compare_table mean_over_splits",
    "rank_gallery": "rank rank_blocks rank_distances",
    "reranking": "KReciprocal k_reciprocal k_reciprocal_from_distances",
    "significance": "Comparison compare_runs",
}
"""Names by module, imported when first used: a gallery needs those without PyTorch."""

__getattr__ = lazy_names(__name__, homes(__name__, _MODULES))

__all__ = [
    "FIGURES",
    "KISSME",
    "PROTOCOLS",
    "XQDA",
    "Comparison",
    "DistractorCurve",
    "Distractors",
    "Figure",
    "GalleryBlock",
    "Interval",
    "KReciprocal",
    "Labels",
    "LearnedMetric",
    "Protocol",
    "RankMetrics",
    "SplitMetrics",
    "compare_runs",
    "compare_table",
    "find_protocol",
    "k_reciprocal",
    "k_reciprocal_from_distances",
    "mean_over_splits",
    "rank",
    "rank_blocks",
    "rank_distances",
    "rank_with_distractors",
]
