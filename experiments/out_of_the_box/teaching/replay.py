"""Every lesson is learnt from twice: teachers cost more than students, and once more is not yet by heart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from experiments.out_of_the_box.teaching.feeding import Batch

BETWEEN = 16
"""New batches between the first time and the second."""


def first_needed(step: int) -> int:
    """The number of the first batch that step `step`, or one after it, learns from."""
    return max(0, step // 2 - BETWEEN)


def replayed(batches: Iterable[Batch], step: int) -> Iterator[Batch]:
    """What step `step`, and those after it, learn from: new batches at even steps, earlier ones between.

    Args:
        batches: from number `first_needed(step)` on.
        step: counted from 0; the same batches come whether a run was stopped before it or not.

    """
    source, number = iter(batches), first_needed(step)
    kept: deque[Batch] = deque(maxlen=BETWEEN + 1)
    while True:
        while number <= step // 2:
            kept.append(next(source))
            number += 1
        earlier = kept[0] if len(kept) > BETWEEN else kept[len(kept) // 2]
        yield kept[-1] if step % 2 == 0 else earlier._replace(seconds=0.0)
        step += 1
