"""The cyclic garbage collector, held while very many objects are made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector(*, lasting: bool = False) -> Iterator[None]:
    """Hold the collector, which would look at all objects again and again while they come.

    Args:
        lasting: whether it shall not look at them afterwards either: they stay as long as the process.

    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if lasting:
            gc.freeze()
        if was:
            gc.enable()
