"""Metrics learnt on given vectors: XQDA and KISSME, for `rank(..., metric=XQDA.fit(training))`."""

from stca.ranking.metric_learning.kissme import KISSME
from stca.ranking.metric_learning.learned import LearnedMetric
from stca.ranking.metric_learning.xqda import XQDA

__all__ = ["KISSME", "XQDA", "LearnedMetric"]
