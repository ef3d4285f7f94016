"""Making a folder all at once or not at all, by several processes, with its recipe inside."""

from __future__ import annotations

import errno
import gc
import json
import multiprocessing
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeVar

from stca.errors import DatasetError
from stca.tools.collector import no_collector
from stca.tools.cores import cores

Job = TypeVar("Job")


def make_folder(
    root: Path,
    make: Callable[[Path], None],
    *,
    recipe: dict[str, object],
    name: str,
    what: str,
    megabytes: Callable[[], int],
) -> Path:
    """Make `root` by `make`, or keep it where the same recipe made it before.

    `make` fills a neighbour, which takes the name of `root` when it is complete; an interrupted run leaves
    nothing under `root`.

    Args:
        root: the folder to make.
        make: fills the folder it is given.
        recipe: all that decides what is made, with "made_by"; written last, as JSON.
        name: of the recipe's file.
        what: the kind of content, for messages.
        megabytes: an estimate of the space needed; called only when writing failed.

    Raises:
        DatasetError: `root` holds something else, or it cannot be written.

    """
    if _is_made(root, recipe, name, what):
        return root
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
        try:
            work.chmod(0o755)
            make(work)
            # Last: a folder without it does not count as made.
            (work / name).write_text(json.dumps(recipe, indent=2) + "\n")
            try:
                work.rename(root)  # also takes the place of an empty folder
            except OSError:
                if not _is_made(root, recipe, name, what):  # another run was faster
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DatasetError(
            "The disk is full; nothing was kept" if full else f"Cannot write the {what}; nothing was kept",
            found=error,
            where=root,
            hint=f"about {megabytes()} MB are needed: another folder, fewer persons, a smaller size",
        ) from error
    return root


def run_jobs(work: Callable[[Job], None], jobs: Sequence[Job], workers: int | None) -> Iterator[None]:
    """Do all jobs, here or in processes (None: one per core), and yield as each is done.

    Raises:
        DatasetError: a process died.

    """
    count = min(len(jobs), workers or cores())
    if count == 1:
        for job in jobs:
            work(job)
            yield
        return
    # A fork needs no guard around the caller's main module; macOS and Windows cannot fork safely.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    stop = context.Event()
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(stop,)) as pool:
        with no_collector():  # which the processes inherit, and `_begin` ends
            futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise DatasetError(
                "A process that made walkers died; nothing was kept",
                found=error,
                hint="fewer workers need less memory",
            ) from error
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


_stops: list[Event] = []  # in a worker: set by its parent to stop early


def stopped() -> bool:
    """Whether the parent has asked this worker to stop."""
    return any(stop.is_set() for stop in _stops)


def _begin(stop: Event) -> None:
    """Make a process a worker."""
    # What the parent left as garbage stays: a frame of PyAV would wait for threads that a fork does not have.
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles interrupts and stops its workers
    _stops.append(stop)


def _is_made(root: Path, recipe: dict[str, object], name: str, what: str) -> bool:
    """Whether `root` is complete and made by this recipe.

    Raises:
        DatasetError: it is something else.

    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    hint = "give a folder that does not exist yet, or remove this one"
    try:
        found = json.loads((root / name).read_text())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("made_by") != recipe["made_by"]:
        raise DatasetError(
            f"This folder is not made of {what}",
            expected=f"nothing there, or a {name}",
            where=root,
            hint=hint,
        )
    differences = [
        f"{key} is {found.get(key)!r}, asked for {recipe.get(key)!r}"
        for key in sorted({*found, *recipe})
        if found.get(key) != recipe.get(key)
    ]
    if differences:
        raise DatasetError(
            f"These {what} were made by other settings", found="; ".join(differences), where=root, hint=hint
        )
    return True
