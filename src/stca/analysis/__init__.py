"""Model complexity, and figures of attention, ranked lists and loss curves."""

import warnings
from typing import Any

from stca.analysis.attention_maps import (
    ClipAttention,
    activation,
    attention_figure,
    clip_activation,
    clip_attention,
    clip_maps,
)
from stca.analysis.complexity import Complexity, measure_complexity
from stca.analysis.curves import curves_figure, default_window, loss_figure, smooth
from stca.analysis.figures import save_figure, shorten
from stca.analysis.list_figures import outcome_label, paired_lists_figure, ranked_lists_figure
from stca.analysis.maps import ClipMaps, Map, maps_figure
from stca.analysis.paired_lists import (
    OUTCOMES,
    Outcome,
    PairedLists,
    count_outcomes,
    pair_lists,
    sample_by_outcome,
)
from stca.analysis.ranked_lists import RankedList, ranked_lists, sample_lists

_RENAMED = {
    "deal": sample_by_outcome,
    "outcome_words": outcome_label,
    "pick": sample_lists,
    "usual_window": default_window,
}
"""Names of version 0.1, importable for one more release."""

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
    "default_window",
    "loss_figure",
    "maps_figure",
    "measure_complexity",
    "outcome_label",
    "pair_lists",
    "paired_lists_figure",
    "ranked_lists",
    "ranked_lists_figure",
    "sample_by_outcome",
    "sample_lists",
    "save_figure",
    "shorten",
    "smooth",
]


def __getattr__(name: str) -> Any:
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = _RENAMED[name]
    message = f"{__name__}.{name} is now {__name__}.{new.__name__}"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return new
