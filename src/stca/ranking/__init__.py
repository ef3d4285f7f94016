"""Ranking metrics: CMC, mAP and mINP under named protocols, intervals, re-ranking, learnt metrics."""

from stca.protocols import PROTOCOLS, Protocol, find_protocol
from stca.ranking.answers import GalleryBlock, Labels
from stca.ranking.bootstrap import Interval
from stca.ranking.distractors import DistractorCurve, Distractors, rank_with_distractors
from stca.ranking.metric_learning import KISSME, XQDA, LearnedMetric
from stca.ranking.metrics import FIGURES, Figure, RankMetrics, SplitMetrics, compare_table, mean_over_splits
from stca.ranking.rank_gallery import rank, rank_blocks, rank_distances
from stca.ranking.reranking import KReciprocal, k_reciprocal, k_reciprocal_from_distances
from stca.ranking.significance import Comparison, compare_runs

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
