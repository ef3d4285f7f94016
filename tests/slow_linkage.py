"""Average linkage by its definition, slow and obvious."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def slow_linkage(
    distances: np.ndarray, threshold: float, together: Sequence[Sequence[int]] = ()
) -> np.ndarray:
    """Begin with the groups; then merge the two with the least mean over their pairs, again and again."""
    groups = [set(group) for group in together if group]
    groups += [{row} for row in range(len(distances)) if not any(row in group for group in groups)]
    while len(groups) > 1:
        mean, a, b = min(
            (float(np.mean([distances[i, j] for i in groups[a] for j in groups[b]])), a, b)
            for a, b in combinations(range(len(groups)), 2)
        )
        if mean > threshold:
            break
        groups[a] |= groups.pop(b)
    labels = np.empty(len(distances), np.int64)
    for number, group in enumerate(sorted(groups, key=min)):
        labels[list(group)] = number
    return labels
