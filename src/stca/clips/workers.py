"""Worker processes that decode: what they deliver, within a time limit."""

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

    Where no process can be started (too few open files, too little memory), this process decodes, with a
    warning.

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
            f"no worker process can be started ({error.strerror or error}): images are decoded in the main "
            "process, which is slower; workers=0 (--workers 0) chooses that, `ulimit -n 1024` allows more "
            "open files",
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
    """The next item, in several waits: PyTorch looks for dead workers at the end of each."""
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
                    hint="workers=0 (--workers 0) decodes in the main process; if memory ran out, fewer "
                    "workers or smaller batches need less",
                ) from error
            raise
    raise StcaError(
        "The processes that decode images deliver nothing",
        expected=f"a batch within {_PATIENCE_SECONDS:g} s",
        found=f"none from {workers} workers",
        hint="workers=0 (--workers 0) decodes in the main process; check that the images can be read",
    )
