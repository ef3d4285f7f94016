"""Progress with an estimate: a bar on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 10.0


def progress(
    items: Iterable[Item],
    *,
    label: str,
    total: int | None = None,
    status: Callable[[], str] = lambda: "",
) -> Iterator[Item]:
    """Pass `items` through and show on stderr the count and the time left.

    Args:
        items: to iterate over.
        label: shown before the count.
        total: their number, where `items` has no length.
        status: called for a short text beside the count.

    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with counting(label=label, total=total, status=status) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def counting(
    *, label: str, total: int | None, status: Callable[[], str] = lambda: ""
) -> Iterator[Callable[[int], None]]:
    """Show progress as `progress` does, of work that says itself how much of it is done.

    Yields:
        a function that is told how many more are done.

    """
    if sys.stderr.isatty():
        from rich.console import Console  # slow to import, and no server needs it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=total, status="")
            yield lambda more: bar.update(task, advance=more, status=status())
        return
    start = last = time.monotonic()
    done = 0

    def advance(more: int) -> None:
        nonlocal done, last
        done += more
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            left = f", {format_seconds((now - start) / done * max(0, total - done))} left" if total else ""
            words = f", {status()}" if status() else ""
            print(f"{label}: {done}/{total or '?'}{words}{left}", file=sys.stderr, flush=True)

    yield advance


def format_seconds(seconds: float) -> str:
    """Seconds for people: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
