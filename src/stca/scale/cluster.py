"""Pieces of work on a pool of Ray Data's actors: each once, failures tried again and then set aside."""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from stca.errors import ConfigError, StcaError, first_line
from stca.scale.attempts import Attempts, write_failed
from stca.tools.files import twice
from stca.tools.progress import progress

Opened = TypeVar("Opened")
Do = Callable[[str], Mapping[str, Any]]
"""Does one piece, given as text; returns plain facts, of which "hours" are the hours of video in it."""

_WAIT = (0.5, 3.0)
"""Seconds before the second attempt at a piece, and before each later one."""
_CPUS = 0.5
"""Of an actor, so that the pool leaves room for Ray Data itself where there are two cores."""
_open = ExitStack()  # what this process uses to its end
atexit.register(_open.close)


@runtime_checkable
class Task(Protocol):
    """What is done with each piece; sent to the actors."""

    def open(self) -> Do:
        """Called once in every process of the pool, for example to load a network."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a piece.

    Args:
        name: of the piece.
        facts: what the task returned; empty if it failed.
        error: why it was set aside; empty if it was not.

    """

    name: str
    facts: Mapping[str, Any]
    error: str = ""


@contextmanager
def connected() -> Iterator[Any]:
    """Ray: the cluster that `RAY_ADDRESS` names, or one of this machine that ends with this process.

    Raises:
        StcaError: Ray is not installed, or there is no cluster at that address.

    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of what Ray Data does by itself
    os.environ.setdefault("RAY_worker_niceness", "0")  # else 15: any other program would starve the work
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise StcaError("Ray is not installed", found=error, hint="pip install 'stca[ray]'") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    if ours:
        alone = not os.environ.get("RAY_ADDRESS")
        try:
            ray.init(
                log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False if alone else None
            )
        except Exception as error:  # also where a machine is too busy to start one in time
            raise StcaError(
                "There is no Ray cluster",
                found=first_line(error),
                where=os.environ.get("RAY_ADDRESS", "this machine"),
                hint="set RAY_ADDRESS to a running cluster, or try again when there is less load",
            ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def run(
    ray: Any,
    task: Task,
    pieces: Sequence[tuple[str, str]],
    *,
    attempts: Attempts,
    workers: int | None = None,
    gpus: bool = False,
) -> Iterator[Outcome]:
    """Outcomes of all pieces, in the order in which they end.

    Args:
        ray: from `connected`.
        task: what to do.
        pieces: names, each once, and what the task is given.
        attempts: how often each may be begun; a process that dies with a piece has begun it.
        workers: processes; default: one per GPU with `gpus`, else one per core of the cluster.
        gpus: give each process one GPU.

    """
    if not pieces:
        return
    resources = ray.cluster_resources()
    most = max(1, int(resources.get("GPU" if gpus else "CPU", 1)))
    size = min(workers or most, len(pieces))
    rows = [{"name": name, "piece": piece} for name, piece in pieces]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _Actor,
        fn_constructor_args=(task, attempts),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        num_cpus=_CPUS,
        num_gpus=1 if gpus else None,
    )
    for row in done.iter_rows():
        yield Outcome(str(row["name"]), json.loads(row["facts"]), str(row["error"]))


class _Actor:
    """One process of the pool."""

    def __init__(self, task: Task, attempts: Attempts) -> None:
        self._task, self._attempts = task, attempts
        self._do: Do | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        name, piece = str(batch["name"][0]), str(batch["piece"][0])
        facts, error = self._tried(name, piece)
        return {"name": [name], "facts": [json.dumps(facts)], "error": [error]}

    def _tried(self, name: str, piece: str) -> tuple[Mapping[str, Any], str]:
        error, number = "the process that worked on it ended each time", 0
        while self._attempts.begin(name):
            if number:
                time.sleep(_WAIT[min(number, len(_WAIT)) - 1])
            number += 1
            try:
                if self._do is None:
                    self._do = self._task.open()
                facts = self._do(piece)
            except Exception as problem:  # whatever it is, the others go on
                error = f"{problem if isinstance(problem, StcaError) else repr(problem)}"
                continue
            self._attempts.succeed(name)
            return facts, ""
        return {}, error


def keep_open(opened: AbstractContextManager[Opened]) -> Opened:
    """Enter what this process uses to its end."""
    return _open.enter_context(opened)


def follow(outcomes: Iterable[Outcome], *, label: str, total: int, failed_in: Path) -> Iterator[Outcome]:
    """Pass outcomes on with a progress line, and keep the list of those set aside up to date."""
    begun, hours = time.monotonic(), 0.0
    reasons: dict[str, str] = {}
    write_failed(failed_in, reasons)

    def status() -> str:
        speed = hours / max((time.monotonic() - begun) / 3600, 1e-9)
        failed = f", {len(reasons)} failed" if reasons else ""
        return f"{hours:.2f} h of video, {speed:.1f} h of video per hour{failed}"

    for outcome in progress(outcomes, label=label, total=total, status=status):
        hours += float(outcome.facts.get("hours", 0.0))
        if outcome.error:
            reasons[outcome.name] = outcome.error
            write_failed(failed_in, reasons)
            print(f"error: {outcome.name}: {outcome.error}", file=sys.stderr)
        yield outcome
    print(f"{label}: {total}, {status()}", file=sys.stderr)


def distinct(names: Sequence[str], *, what: str) -> None:
    """Raise ConfigError where two pieces have one name, after which their results are named."""
    if same := twice(names):
        raise ConfigError(
            f"Two {what} have the same name",
            expected="names that differ by more than upper and lower case",
            found=", ".join(same[:5]),
        )
