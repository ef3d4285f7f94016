"""Decoding processes: they deliver without shared memory, and none of them is waited for without a limit."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch.utils.data import DataLoader

from stca.errors import StcaError, first_line

Item = TypeVar("Item")

_CHECK_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0
_DIED, _LATE = ("DataLoader worker", "Pin memory thread"), "DataLoader timed out"
"""How the messages of PyTorch's loader begin."""


def iterate(make_loader: Callable[[int, float], DataLoader[Any]], workers: int) -> Iterator[Any]:
    """What a loader delivers.

    Where no processes can be started (few open files, memory or semaphores are allowed), this process decodes,
    and a warning says so.

    Args:
        make_loader: called with the number of workers and a timeout in seconds (0: none).
        workers: processes that decode; 0 is this process.

    Raises:
        StcaError: a worker died, or delivered nothing in five minutes.

    """
    if not workers:
        yield from make_loader(0, 0)
        return
    try:
        items = iter(make_loader(workers, _CHECK_SECONDS))
    except OSError as error:
        warnings.warn(
            f"no processes that decode can be started ({error.strerror or error}): this one decodes, which is "
            "slower; workers=0 (--workers 0) chooses that, and `ulimit -n 1024` allows more open files",
            stacklevel=2,
        )
        yield from make_loader(0, 0)
        return
    while True:
        try:
            item = _next(items, workers)
        except StopIteration:
            return
        yield item


def _next(items: Iterator[Item], workers: int) -> Item:
    """The next item, asked for again and again: only at the end of a wait does PyTorch look for dead workers."""
    for _ in range(max(1, round(_PATIENCE_SECONDS / _CHECK_SECONDS))):
        try:
            return next(items)
        except (RuntimeError, OSError) as error:
            if str(error).startswith(_LATE):
                continue
            if isinstance(error, OSError) or str(error).startswith(_DIED):
                raise StcaError(
                    "A process that decodes images died",
                    expected=f"{workers} running",
                    found=first_line(error),
                    hint="workers=0 (--workers 0) decodes in the main process; it may have been killed for want "
                    "of memory: fewer workers and smaller batches need less",
                ) from error
            raise
    raise StcaError(
        "The processes that decode images deliver nothing",
        expected=f"a batch within {_PATIENCE_SECONDS:g} s",
        found=f"none from {workers} workers",
        hint="workers=0 (--workers 0) decodes in the main process; is the disk or network with the images slow?",
    )
