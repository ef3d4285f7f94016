"""What people would rather look at than read: costs, attention, ranked lists, curves."""

from stca.analysis.attention_maps import ClipAttention, attention_figure, clip_attention
from stca.analysis.complexity import Complexity, measure_complexity
from stca.analysis.curves import curves_figure
from stca.analysis.figures import save_figure
from stca.analysis.ranked_lists import RankedList, pick, ranked_lists, ranked_lists_figure

__all__ = [
    "ClipAttention",
    "Complexity",
    "RankedList",
    "attention_figure",
    "clip_attention",
    "curves_figure",
    "measure_complexity",
    "pick",
    "ranked_lists",
    "ranked_lists_figure",
    "save_figure",
]
