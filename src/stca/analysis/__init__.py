"""What people would rather look at than read: costs, attention, ranked lists, curves."""

from stca.analysis.attention_maps import (
    ClipAttention,
    activation,
    attention_figure,
    clip_activation,
    clip_attention,
    clip_maps,
)
from stca.analysis.complexity import Complexity, measure_complexity
from stca.analysis.curves import curves_figure, loss_figure, smooth, usual_window
from stca.analysis.figures import save_figure, shorten
from stca.analysis.list_figures import outcome_words, paired_lists_figure, ranked_lists_figure
from stca.analysis.maps import ClipMaps, Map, maps_figure
from stca.analysis.paired_lists import (
    OUTCOMES,
    Outcome,
    PairedLists,
    count_outcomes,
    deal,
    pair_lists,
)
from stca.analysis.ranked_lists import RankedList, pick, ranked_lists

__all__ = [
    "OUTCOMES",
    "ClipAttention",
    "ClipMaps",
    "Complexity",
    "Map",
    "Outcome",
    "PairedLists",
    "RankedList",
    "activation",
    "attention_figure",
    "clip_activation",
    "clip_attention",
    "clip_maps",
    "count_outcomes",
    "curves_figure",
    "deal",
    "loss_figure",
    "maps_figure",
    "measure_complexity",
    "outcome_words",
    "pair_lists",
    "paired_lists_figure",
    "pick",
    "ranked_lists",
    "ranked_lists_figure",
    "save_figure",
    "shorten",
    "smooth",
    "usual_window",
]
